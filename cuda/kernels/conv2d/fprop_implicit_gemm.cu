// conv2d_fprop as implicit GEMM, exact f32: y[pixel, k] = sum over (r, s, c) of x[pixel at (r, s), c] *
// filter[k, r, s, c], with prologue, epilogue and statistics; see ops/conv2d.h and device/simt_tile.cuh.
//
// Variants: fprop_<tile>, the shape of a block's tile of pixels x filters. Every sum runs over (r, s, c) in
// order in one block, so its bits do not depend on the batch. Statistics are of two levels: a block takes
// mean and squared deviations from it of its pixels, in two passes over the sums in its registers;
// fprop_statistics joins the tiles (Chan, Golub and LeVeque 1983), in two passes as well. Bytes, with T row
// tiles of pixels, U column tiles of filters, M = N P Q and V the (pixel, tap) pairs inside of the image: 4
// (U V C + T K R S C + M K), with a prologue 8 T U R S C, of scale and bias 4 T K (rows of threads in a tile)
// each, 4 M K of the residual, and with statistics 8 T K written, 12 T K read and 8 K written. FLOPs: 2 M K R
// S C. Roofline: FP32 from some 32 filters on. Bench: lapidary bench --device cuda --kernel conv2d_fprop
#include "kernels/conv2d/fprop_implicit_gemm.h"

#include "kernels/conv2d/gathered_source.cuh"

namespace {

__device__ Pixel input_pixel(const FpropParameters& p, int64_t pixel) {
  if (pixel >= p.pixels) return Pixel::outside();
  const int64_t row = pixel / p.q, image = row / p.p;
  const int32_t h = static_cast<int32_t>(row % p.p) * p.stride_h - p.pad_h;
  const int32_t w = static_cast<int32_t>(pixel % p.q) * p.stride_w - p.pad_w;
  return {((image * p.h + h) * p.w + w) * p.x_pixel, h, w};
}

/// y = act(sum * scale + bias + residual).
template <class Tile>
__device__ void store_outputs(const FpropParameters& p, const Tile& tile, int64_t row0, int64_t column0,
                              const float (&sums)[Tile::kThreadRows][Tile::kThreadColumns]) {
#pragma unroll
  for (int j0 = 0; j0 < Tile::kThreadColumns; j0 += 4) {
    const int64_t k = column0 + tile.column(j0);
    const int filters = static_cast<int>(p.k - k < 4 ? p.k - k : 4);
    if (filters <= 0) continue;
    float scale[4] = {1, 1, 1, 1}, bias[4] = {};
    if (p.out_scale) load_up_to_four(scale, p.out_scale + k, filters, p.wide_k);
    if (p.bias) load_up_to_four(bias, p.bias + k, filters, p.wide_k);
#pragma unroll
    for (int i = 0; i < Tile::kThreadRows; ++i) {
      const int64_t pixel = row0 + tile.row(i);
      if (pixel >= p.pixels) continue;
      float residual[4] = {}, y[4];
      if (p.residual) load_up_to_four(residual, p.residual + pixel * p.k + k, filters, p.wide_k);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        y[j] = fmaf(sums[i][j0 + j], scale[j], bias[j]) + residual[j];
        if (p.rectify && y[j] < 0) y[j] = 0;
        if (y[j] > p.ceiling) y[j] = p.ceiling;
      }
      store_up_to_four(p.y + pixel * p.y_pixel + k, y, filters, p.wide_k);
    }
  }
}

/// Sums over the rows of the tile of value(i, j), for each of this thread's columns, in a fixed order.
template <class Tile, class Value>
__device__ void sum_tile_columns(const Tile& tile, float (&warps)[Tile::kDown / 8][Tile::kColumns],
                                 float (&totals)[Tile::kThreadColumns], Value&& value) {
#pragma unroll
  for (int j = 0; j < Tile::kThreadColumns; ++j) {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < Tile::kThreadRows; ++i) sum += value(i, j);
#pragma unroll
    for (int lanes = 4; lanes < 32; lanes *= 2) sum += __shfl_xor_sync(~0u, sum, lanes);
    if (tile.down % 8 == 0) warps[tile.down / 8][tile.column(j)] = sum;
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < Tile::kThreadColumns; ++j) {
    totals[j] = 0;
#pragma unroll
    for (int warp = 0; warp < Tile::kDown / 8; ++warp) totals[j] += warps[warp][tile.column(j)];
  }
  __syncthreads();
}

template <class Tile>
__device__ void store_statistics(const FpropParameters& p, const Tile& tile, int64_t row0, int64_t column0,
                                 const float (&sums)[Tile::kThreadRows][Tile::kThreadColumns],
                                 float (&warps)[Tile::kDown / 8][Tile::kColumns]) {
  const int64_t left = p.pixels - row0;
  const int rows = static_cast<int>(left < Tile::kRows ? left : Tile::kRows);
  float mean[Tile::kThreadColumns], squares[Tile::kThreadColumns];
  // Rows beyond the last pixel are sums of zeros.
  sum_tile_columns(tile, warps, mean, [&](int i, int j) { return sums[i][j]; });
#pragma unroll
  for (float& each : mean) each /= static_cast<float>(rows);
  sum_tile_columns(tile, warps, squares, [&](int i, int j) {
    const float deviation = tile.row(i) < rows ? sums[i][j] - mean[j] : 0.0f;
    return deviation * deviation;
  });
  if (tile.down != 0) return;
  float* to = p.statistics + row0 / Tile::kRows * 2 * p.k;
#pragma unroll
  for (int j = 0; j < Tile::kThreadColumns; ++j) {
    const int64_t k = column0 + tile.column(j);
    if (k < p.k) to[k] = mean[j], to[p.k + k] = squares[j];
  }
}

template <class Tile>
__device__ void convolve_tile(const FpropParameters& p) {
  using X = OperandTile<TileLayout::DepthContiguous, Tile::kRows>;
  using Filter = OperandTile<TileLayout::DepthContiguous, Tile::kColumns>;
  using Pixels = GatheredPixels<X, Tile::kThreads>;
  __shared__ ProductStages<X, Filter> stages;
  __shared__ Pixel pixels[Tile::kRows];
  __shared__ typename Pixels::Coefficients coefficients;
  __shared__ float warps[Tile::kDown / 8][Tile::kColumns];
  const Tile tile;
  const int64_t row0 = int64_t{blockIdx.x / p.column_tiles} * Tile::kRows;
  const int64_t column0 = int64_t{blockIdx.x % p.column_tiles} * Tile::kColumns;
  if (threadIdx.x < Tile::kRows) pixels[threadIdx.x] = input_pixel(p, row0 + threadIdx.x);
  const GatheredImage image{p.x, p.h, p.w};
  const TapSteps steps{p.dilation_h, p.dilation_w, int64_t{p.dilation_h} * p.w * p.x_pixel,
                       p.dilation_w * p.x_pixel};
  Pixels x(image, pixels, steps, p.depth, p.r, p.wide_c, p.prologue, coefficients);
  MatrixSource<Filter, Tile::kThreads> filter(p.filter + column0 * p.sum, p.sum, p.k - column0, p.wide_c);
  __syncthreads();
  float sums[Tile::kThreadRows][Tile::kThreadColumns];
  multiply(sums, tile, x, filter, stages, p.sum);
  store_outputs(p, tile, row0, column0, sums);
  if (p.statistics) store_statistics(p, tile, row0, column0, sums, warps);
}

}  // namespace

#define LAPIDARY_FPROP(tile) \
  LAPIDARY_TILE_KERNEL(tile) fprop_##tile(const FpropParameters p) { convolve_tile<Tile##tile>(p); }

LAPIDARY_TILE_SHAPES(LAPIDARY_FPROP)

/// Joins the statistics of tiles: a block has kStatisticsChannels channels, its warps each every so many
/// tiles.
extern "C" __global__ void __launch_bounds__(kStatisticsThreads)
    fprop_statistics(const FpropStatisticsParameters p) {
  constexpr int kDown = kStatisticsThreads / kStatisticsChannels;
  __shared__ float shared[kDown][kStatisticsChannels];
  const int across = static_cast<int>(threadIdx.x) % kStatisticsChannels;
  const int down = static_cast<int>(threadIdx.x) / kStatisticsChannels;
  const int64_t k = int64_t{blockIdx.x} * kStatisticsChannels + across;
  const auto total = [&](auto&& value) {
    float sum = 0;
    if (k < p.k) {
#pragma unroll 4
      for (int64_t tile = down; tile < p.tile_count; tile += kDown) {
        const int64_t left = p.pixels - tile * p.tile_pixels;
        const auto rows = static_cast<float>(left < p.tile_pixels ? left : p.tile_pixels);
        sum += value(p.tiles + tile * 2 * p.k + k, rows);
      }
    }
    shared[down][across] = sum;
    for (int half = kDown / 2; half > 0; half /= 2) {
      __syncthreads();
      if (down < half) shared[down][across] += shared[down + half][across];
    }
    __syncthreads();
    const float all = shared[0][across];
    __syncthreads();
    return all;
  };
  const auto pixels = static_cast<float>(p.pixels);
  const float mean = total([&](const float* tile, float rows) { return *tile * rows; }) / pixels;
  const float squares = total([&](const float* tile, float rows) {
    const float deviation = *tile - mean;
    return fmaf(deviation * deviation, rows, tile[p.k]);
  });
  if (down == 0 && k < p.k) p.mean[k] = mean, p.variance[k] = squares / pixels;
}
