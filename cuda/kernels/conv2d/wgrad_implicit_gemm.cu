// conv2d_wgrad as implicit GEMM, exact f32: dfilter[k, r, s, c] = sum over pixels of x[pixel at (r, s), c] *
// dy[pixel, k], with prologue; see ops/conv2d.h and device/simt_tile.cuh.
//
// Variants: wgrad_<tile>, the shape of a block's tile of (r, s, c) x filters; a thread stores four
// neighbouring channels of each of its filters. Split K: blocks take runs of pixels, as many as the problem
// says; the partial sums are added by column_sum in a fixed order. Bytes, with T row tiles of taps, U column
// tiles of filters, D splits, M = N P Q and V the (pixel, tap) pairs inside of the image: 4 (U V C + T M K +
// D K R S C), with a prologue 8 U D R S C, and column_sum's of D rows of K R S C columns if D > 1. FLOPs: 2 M
// K R S C. Roofline: FP32 from some 32 filters on. Bench: lapidary bench --device cuda --kernel conv2d_wgrad
#include "kernels/conv2d/wgrad_implicit_gemm.h"

#include "kernels/conv2d/gathered_source.cuh"

namespace {

/// The pixels of x under tap (0, 0) of those of dy.
class OutputPixels {
 public:
  __device__ OutputPixels(const WgradParameters& p, int64_t first)
      : p_(p), position_(p.depth.at(first + threadIdx.x)) {}
  __device__ Pixel at() const {
    const int32_t h = position_.middle * p_.stride_h - p_.pad_h, w = position_.inner * p_.stride_w - p_.pad_w;
    return {((int64_t{position_.outer} * p_.h + h) * p_.w + w) * p_.x_pixel, h, w};
  }
  __device__ void advance() { p_.depth.advance(position_); }

 private:
  const WgradParameters& p_;
  NestedPosition position_;
};

template <class Tile>
__device__ void convolve_tile(const WgradParameters& p) {
  using X = OperandTile<TileLayout::DepthMajor, Tile::kRows>;
  using Dy = OperandTile<TileLayout::DepthMajor, Tile::kColumns>;
  using Taps = GatheredTaps<X, Tile::kThreads, OutputPixels>;
  __shared__ ProductStages<X, Dy> stages;
  __shared__ typename Taps::Table table;
  __shared__ typename Taps::Coefficients coefficients;
  const Tile tile;
  const uint32_t column_tile = blockIdx.x % p.column_tiles, rest = blockIdx.x / p.column_tiles;
  const int64_t row0 = int64_t{rest % p.row_tiles} * Tile::kRows,
                column0 = int64_t{column_tile} * Tile::kColumns;
  const int64_t split = rest / p.row_tiles, first = split * p.split_pixels;
  const int64_t end = first + p.split_pixels < p.pixels ? first + p.split_pixels : p.pixels;
  if (p.prologue.scale && threadIdx.x < Tile::kRows && row0 + threadIdx.x < p.sum) {
    const int64_t c = (row0 + threadIdx.x) % p.c;
    coefficients.scale[threadIdx.x] = p.prologue.scale[c];
    coefficients.shift[threadIdx.x] = p.prologue.shift[c];
  }
  const GatheredImage image{p.x, p.h, p.w};
  OutputPixels pixels(p, first);
  Taps x(
      image, pixels, table, p.sum - row0, p.wide_c,
      [&](int line) {
        const NestedPosition tap = p.taps.at(row0 + line);
        const int32_t h = tap.outer * p.dilation_h, w = tap.middle * p.dilation_w;
        return Tap{(int64_t{h} * p.w + w) * p.x_pixel + tap.inner, h, w};
      },
      p.prologue, &coefficients);
  MatrixSource<Dy, Tile::kThreads> dy(p.dy + first * p.y_pixel + column0, p.y_pixel, p.k - column0, p.wide_k);
  __syncthreads();
  float sums[Tile::kThreadRows][Tile::kThreadColumns];
  multiply(sums, tile, x, dy, stages, end - first);

  float* dfilter = p.dfilter + split * p.k * p.sum;
#pragma unroll
  for (int i0 = 0; i0 < Tile::kThreadRows; i0 += 4) {
    const int64_t row = row0 + tile.row(i0);
    const int rows = static_cast<int>(p.sum - row < 4 ? p.sum - row : 4);
    if (rows <= 0) continue;
#pragma unroll
    for (int j = 0; j < Tile::kThreadColumns; ++j) {
      const int64_t k = column0 + tile.column(j);
      if (k >= p.k) continue;
      const float four[4] = {sums[i0][j], sums[i0 + 1][j], sums[i0 + 2][j], sums[i0 + 3][j]};
      store_up_to_four(dfilter + k * p.sum + row, four, rows, p.wide_filter);
    }
  }
}

}  // namespace

#define LAPIDARY_WGRAD(tile) \
  LAPIDARY_TILE_KERNEL(tile) wgrad_##tile(const WgradParameters p) { convolve_tile<Tile##tile>(p); }

LAPIDARY_TILE_SHAPES(LAPIDARY_WGRAD)
