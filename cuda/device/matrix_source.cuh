// A plain matrix as an operand of simt_tile.cuh: element (line, depth) lies at line * stride + depth
// (DepthContiguous) or at depth * stride + line (DepthMajor); zero beyond its extents.
#pragma once

#include "device/simt_tile.cuh"

template <class Operand, int Threads>
class MatrixSource {
 public:
  /// `matrix` at the tile's first line and first depth; `lines` and `depths` from there on. `wide`: rows of
  /// the matrix are whole and aligned fours.
  __device__ MatrixSource(const float* matrix, int64_t stride, int64_t lines, int64_t depths, bool wide)
      : share_(wide),
        stride_(stride),
        depths_(depths - share_.depth),
        lines_(static_cast<int>(lines < Operand::kLines ? lines : Operand::kLines)) {
    source_ =
        matrix + (kContiguous ? share_.line * stride + share_.depth : share_.depth * stride + share_.line);
  }

  __device__ void copy(int, Operand& tile) const {
    const float* source = source_;
    if constexpr (kContiguous) {
#pragma unroll 1
      for (int line = share_.line; line < Operand::kLines; line += share_.line_step) {
        share_.copy(tile.at(line, share_.depth), source, line < lines_ && depths_ > 0);
        source += share_.line_step * stride_;
      }
    } else {
#pragma unroll 1
      for (int depth = share_.depth; depth < kProductDepth; depth += share_.depth_step) {
        share_.copy(tile.at(share_.line, depth), source,
                    share_.line < lines_ && depth - share_.depth < depths_);
        source += share_.depth_step * stride_;
      }
    }
  }
  __device__ void finish(int, Operand&) const {}
  __device__ void advance() {
    source_ += kContiguous ? kProductDepth : kProductDepth * stride_;
    depths_ -= kProductDepth;
  }

 private:
  static constexpr bool kContiguous = Operand::kLayout == TileLayout::DepthContiguous;
  CopyShare<Operand, Threads> share_;
  const float* source_;
  int64_t stride_, depths_;  // depths left from this thread's first
  int lines_;
};
