// A plain matrix as an operand of simt_tile.cuh: element (line, depth) lies at line * stride + depth
// (DepthContiguous) or at depth * stride + line (DepthMajor); zero beyond its extents.
#pragma once

#include "device/simt_tile.cuh"

template <class Operand, int Threads>
class MatrixSource {
 public:
  /// `matrix` at the tile's first line and first depth; `lines` from there on. `wide`: rows of the matrix are
  /// whole and aligned fours.
  __device__ MatrixSource(const float* matrix, int64_t stride, int64_t lines, bool wide)
      : share_(wide),
        source_(matrix +
                (kContiguous ? share_.line * stride + share_.depth : share_.depth * stride + share_.line)),
        stride_(stride),
        lines_(static_cast<int>(lines < Operand::kLines ? lines : Operand::kLines)) {}

  __device__ void copy(int, Operand& tile, int left) const {
    const float* source = source_;
#pragma unroll 1
    for (int line = share_.line, depth = share_.depth; line < Operand::kLines && depth < kProductDepth;) {
      share_.copy(tile.at(line, depth), source, line < lines_ && depth < left);
      if constexpr (kContiguous)
        line += share_.step, source += share_.step * stride_;
      else
        depth += share_.step, source += share_.step * stride_;
    }
  }
  __device__ void finish(int, Operand&, int) const {}
  __device__ void advance() { source_ += kContiguous ? kProductDepth : kProductDepth * stride_; }

 private:
  static constexpr bool kContiguous = Operand::kLayout == TileLayout::DepthContiguous;
  CopyShare<Operand, Threads> share_;
  const float* source_;
  int64_t stride_;
  int lines_;
};
