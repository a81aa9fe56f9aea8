// gemm: y[M, N] = act(op(a) op(b) + bias), row-major, dense, f32.
//
// Variants: gemm_<a><b>_<tile>: a and b as they are (n) or transposed (t), and the shape of a block's tile;
// see device/simt_tile.cuh for the main loop. Blocks of one row of tiles follow each other, so that a stays
// in L2. Every sum runs over K in order: the bits of a row depend neither on M nor on the tile. Bytes, with R
// row tiles and C column tiles: 4 (C M K + R N K + M N), and 4 R N (rows of threads in a tile) of the bias.
// FLOPs: 2 M N K. Roofline: FP32 from some 64 rows and columns on; below that memory. Bench: lapidary bench
// --device cuda --kernel gemm
#include "kernels/gemm/gemm.h"

#include "device/matrix_source.cuh"

namespace {

constexpr TileLayout layout_of_a(bool transposed) {
  return transposed ? TileLayout::DepthMajor : TileLayout::DepthContiguous;
}
constexpr TileLayout layout_of_b(bool transposed) {
  return transposed ? TileLayout::DepthContiguous : TileLayout::DepthMajor;
}

template <class Tile, bool TransposeA, bool TransposeB>
__device__ void multiply_tile(const GemmParameters& p) {
  using A = OperandTile<layout_of_a(TransposeA), Tile::kRows>;
  using B = OperandTile<layout_of_b(TransposeB), Tile::kColumns>;
  __shared__ ProductStages<A, B> stages;
  const Tile tile;
  const int64_t row0 = int64_t{blockIdx.x / p.column_tiles} * Tile::kRows;
  const int64_t column0 = int64_t{blockIdx.x % p.column_tiles} * Tile::kColumns;
  const int64_t a_stride = TransposeA ? p.m : p.k, b_stride = TransposeB ? p.k : p.n;
  MatrixSource<A, Tile::kThreads> a(p.a + row0 * (TransposeA ? 1 : p.k), a_stride, p.m - row0, p.wide_a);
  MatrixSource<B, Tile::kThreads> b(p.b + column0 * (TransposeB ? p.k : 1), b_stride, p.n - column0,
                                    p.wide_b);
  float sums[Tile::kThreadRows][Tile::kThreadColumns];
  multiply(sums, tile, a, b, stages, p.k);

#pragma unroll
  for (int j0 = 0; j0 < Tile::kThreadColumns; j0 += 4) {
    const int64_t column = column0 + tile.column(j0);
    const int columns = static_cast<int>(p.n - column < 4 ? p.n - column : 4);
    if (columns <= 0) continue;
    float bias[4] = {};
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (p.bias && j < columns) bias[j] = p.bias[column + j];
    }
#pragma unroll
    for (int i = 0; i < Tile::kThreadRows; ++i) {
      const int64_t row = row0 + tile.row(i);
      if (row >= p.m) continue;
      float y[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        y[j] = sums[i][j0 + j] + bias[j];
        if (p.relu && y[j] < 0) y[j] = 0;
      }
      store_up_to_four(p.y + row * p.n + column, y, columns, p.wide_y);
    }
  }
}

}  // namespace

#define LAPIDARY_GEMM(tile)                                           \
  LAPIDARY_TILE_KERNEL(tile) gemm_nn_##tile(const GemmParameters p) { \
    multiply_tile<Tile##tile, false, false>(p);                       \
  }                                                                   \
  LAPIDARY_TILE_KERNEL(tile) gemm_nt_##tile(const GemmParameters p) { \
    multiply_tile<Tile##tile, false, true>(p);                        \
  }                                                                   \
  LAPIDARY_TILE_KERNEL(tile) gemm_tn_##tile(const GemmParameters p) { \
    multiply_tile<Tile##tile, true, false>(p);                        \
  }                                                                   \
  LAPIDARY_TILE_KERNEL(tile) gemm_tt_##tile(const GemmParameters p) { \
    multiply_tile<Tile##tile, true, true>(p);                         \
  }

LAPIDARY_TILE_SHAPES(LAPIDARY_GEMM)
