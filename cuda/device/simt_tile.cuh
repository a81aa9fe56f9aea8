// The main loop of GEMM and of convolution as implicit GEMM, in exact f32 (SIMT): a block multiplies a tile
// of Rows x depth by one of depth x Columns, a thread has ThreadRows x ThreadColumns sums in registers.
//
// Both operands pass through shared memory in steps of kProductDepth, two stages, filled by cp.async: while
// one is multiplied the other is on its way, with one barrier a step. Every sum is one chain of fused
// multiply-adds in the order of the depth, whatever the tile, so a result's bits do not depend on the tile it
// lies in.
//
// A warp is 8 x 4 threads, a thread's rows and columns come in fours. Shared memory has one of two layouts,
// that in which the operand lies in global memory, so that copies are of 16 bytes:
//   DepthContiguous  [line][depth], the four 16-byte chunks of a line permuted (chunk ^ line / 4 % 4);
//   DepthMajor       [depth][line].
// Copies and reads of 16 bytes are free of bank conflicts in both: the 8 threads of a quarter warp read 2
// rows (of neighbouring fours) and 4 columns.
#pragma once

#include "device/cp_async.cuh"
#include "device/float4.cuh"
#include "device/tile_shape.h"

enum class TileLayout { DepthContiguous, DepthMajor };

/// Where a thread stands in its block's tile.
template <TileShape Shape>
struct SimtTile {
  static constexpr int kRows = Shape.rows, kColumns = Shape.columns, kThreadRows = Shape.thread_rows,
                       kThreadColumns = Shape.thread_columns;
  static constexpr int kDown = Shape.down(), kAcross = Shape.across(), kThreads = Shape.threads();
  /// 128 registers a thread.
  static constexpr int kBlocksPerMultiprocessor = 512 / kThreads;
  static_assert(kDown % 8 == 0 && kAcross % 4 == 0 && kThreadRows % 4 == 0 && kThreadColumns % 4 == 0);
  static_assert(kThreads >= kRows && kThreads >= kColumns);

  int down, across;

  __device__ SimtTile() {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    down = warp % (kDown / 8) * 8 + lane / 4;
    across = warp / (kDown / 8) * 4 + lane % 4;
  }
  /// The row of the tile that sums[i] is of, the column that sums[.][j] is of.
  __device__ int row(int i) const { return 4 * down + row_step(i); }
  __device__ int column(int j) const { return 4 * across + column_step(j); }
  static constexpr int row_step(int i) { return i / 4 * 4 * kDown + i % 4; }
  static constexpr int column_step(int j) { return j / 4 * 4 * kAcross + j % 4; }
};

using Tile128x128 = SimtTile<kTile128x128>;
using Tile64x64 = SimtTile<kTile64x64>;
using Tile128x32 = SimtTile<kTile128x32>;
using Tile128x16 = SimtTile<kTile128x16>;

/// `KERNELS(128x128)` and so on.
#define LAPIDARY_TILE_SHAPES(KERNELS) KERNELS(128x128) KERNELS(64x64) KERNELS(128x32) KERNELS(128x16)
/// A __global__ function over a tile shape.
#define LAPIDARY_TILE_KERNEL(tile) \
  extern "C" __global__ void __launch_bounds__(Tile##tile::kThreads, Tile##tile::kBlocksPerMultiprocessor)

/// An operand's tile in shared memory: Lines rows of A, or columns of B.
template <TileLayout Layout, int Lines>
struct OperandTile {
  static constexpr TileLayout kLayout = Layout;
  static constexpr int kLines = Lines;
  static constexpr int kLineStep =
      Layout == TileLayout::DepthContiguous ? kProductDepth : 1;  ///< of one permutation
  alignas(16) float values[Lines * kProductDepth];

  __device__ float* at(int line, int depth) {
    if constexpr (Layout == TileLayout::DepthContiguous)
      return values + line * kProductDepth + ((depth / 4 ^ line / 4 % 4) * 4 + depth % 4);
    else
      return values + depth * Lines + line;
  }
};

/// Which elements of an operand's tile a thread copies: 4 (`wide`) or 1 neighbours in global memory at once,
/// of every `step`-th line at one depth (DepthContiguous), or of one line at every `step`-th depth.
template <class Operand, int Threads>
struct CopyShare {
  int line, depth, step;
  bool wide;

  __device__ explicit CopyShare(bool wide) : wide(wide) {
    const int width = wide ? 4 : 1, thread = static_cast<int>(threadIdx.x);
    constexpr bool kContiguous = Operand::kLayout == TileLayout::DepthContiguous;
    const int across = (kContiguous ? kProductDepth : Operand::kLines) / width;
    step = Threads / across;
    line = kContiguous ? thread / across : thread % across * width;
    depth = kContiguous ? thread % across * width : thread / across;
  }
  __device__ void copy(float* shared, const float* global, bool present) const {
    if (wide)
      copy_async<4>(shared, global, present);
    else
      copy_async<1>(shared, global, present);
  }
};

template <class AOperand, class BOperand>
struct ProductStages {
  AOperand a[2];
  BOperand b[2];
};

__device__ inline void load_four(float (&to)[4], const float* from) {
  const float4 four = load4(from);
  to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
}

/// The first `count` (1 to 4) of four neighbours; at once where all are there and `aligned`.
__device__ inline void load_up_to_four(float (&to)[4], const float* from, int count, bool aligned) {
  if (aligned && count == 4) {
    load_four(to, from);
  } else {
#pragma unroll
    for (int j = 0; j < 4; ++j) to[j] = j < count ? from[j] : 0.0f;
  }
}
__device__ inline void store_up_to_four(float* to, const float (&from)[4], int count, bool aligned) {
  if (aligned && count == 4) {
    store4(to, make_float4(from[0], from[1], from[2], from[3]));
  } else {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (j < count) to[j] = from[j];
    }
  }
}

/// Adds the product of one stage.
template <class Tile, class AOperand, class BOperand>
__device__ inline void add_product(float (&sums)[Tile::kThreadRows][Tile::kThreadColumns], const Tile& tile,
                                   AOperand& a, BOperand& b) {
  constexpr int kRows = Tile::kThreadRows, kColumns = Tile::kThreadColumns;
  // Not unrolled: the sums and the fragments of four steps are all that fits 128 registers.
#pragma unroll 1
  for (int depth = 0; depth < kProductDepth; depth += 4) {
    float as[kRows][4];
    const float* a_lines = a.at(4 * tile.down, depth);
    const float* b_lines = b.at(4 * tile.across, depth);
    if constexpr (AOperand::kLayout == TileLayout::DepthContiguous) {
#pragma unroll
      for (int i = 0; i < kRows; ++i) load_four(as[i], a_lines + Tile::row_step(i) * AOperand::kLineStep);
    } else {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
#pragma unroll
        for (int i = 0; i < kRows; i += 4) {
          float four[4];
          load_four(four, a_lines + e * AOperand::kLines + Tile::row_step(i));
#pragma unroll
          for (int f = 0; f < 4; ++f) as[i + f][e] = four[f];
        }
      }
    }
    if constexpr (BOperand::kLayout == TileLayout::DepthContiguous) {
#pragma unroll
      for (int j = 0; j < kColumns; ++j) {
        float bs[4];
        load_four(bs, b_lines + Tile::column_step(j) * BOperand::kLineStep);
#pragma unroll
        for (int e = 0; e < 4; ++e) {
#pragma unroll
          for (int i = 0; i < kRows; ++i) sums[i][j] = fmaf(as[i][e], bs[e], sums[i][j]);
        }
      }
    } else {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
#pragma unroll
        for (int j = 0; j < kColumns; j += 4) {
          float bs[4];
          load_four(bs, b_lines + e * BOperand::kLines + Tile::column_step(j));
#pragma unroll
          for (int f = 0; f < 4; ++f) {
#pragma unroll
            for (int i = 0; i < kRows; ++i) sums[i][j + f] = fmaf(as[i][e], bs[f], sums[i][j + f]);
          }
        }
      }
    }
  }
}

/// sums = the product over `depths` steps of the sum. A source has
///   copy(stage, tile, left)    starts this thread's copies of where it stands; depths from `left` on are
///   zero; finish(stage, tile, left)  after them, what this thread does to its own elements, and its part of
///   tables
///                              for what comes next;
///   advance()                  by kProductDepth.
/// What the sources read in shared memory at first lies behind a barrier.
template <class Tile, class ASource, class BSource, class Stages>
__device__ inline void multiply(float (&sums)[Tile::kThreadRows][Tile::kThreadColumns], const Tile& tile,
                                ASource& a, BSource& b, Stages& stages, int64_t depths) {
#pragma unroll
  for (auto& row : sums) {
#pragma unroll
    for (float& sum : row) sum = 0;
  }
  if (depths == 0) return;
  const auto left = [&] { return static_cast<int>(depths < kProductDepth ? depths : kProductDepth); };
  a.copy(0, stages.a[0], left());
  b.copy(0, stages.b[0], left());
  for (int stage = 0;; stage ^= 1) {
    wait_for_copies();
    a.finish(stage, stages.a[stage], left());
    b.finish(stage, stages.b[stage], left());
    // This stage is there for everyone, and everyone is done with the other.
    __syncthreads();
    depths -= kProductDepth;
    if (depths > 0) {
      a.advance(), b.advance();
      a.copy(stage ^ 1, stages.a[stage ^ 1], left());
      b.copy(stage ^ 1, stages.b[stage ^ 1], left());
    }
    add_product(sums, tile, stages.a[stage], stages.b[stage]);
    if (depths <= 0) return;
  }
}
