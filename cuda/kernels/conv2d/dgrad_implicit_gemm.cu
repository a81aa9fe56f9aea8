// conv2d_dgrad as implicit GEMM, exact f32: dx[pixel, c] = sum over (r, s, k) of dy[pixel under (r, s), k] *
// filter[k, r, s, c], with addend and rectifier mask; see ops/conv2d.h and device/simt_tile.cuh.
//
// Variants: dgrad_<tile>, the shape of a block's tile of pixels x channels. A stride parts the pixels of x
// into stride_h * stride_w classes (grid y and z) that meet different taps; each is a convolution without
// stride over its own taps, so no product with a zero between outputs is made. A class without taps stores
// its epilogue. Every sum runs over (r, s, k) in order in one block. Bytes, with U column tiles of channels,
// V the (pixel of dy, tap) pairs inside of x, M = N H W and, for class i, T_i row tiles and A_i taps: 4 (U V
// K + K C sum_i T_i A_i + M C), and 4 M C each for addend and rectified. FLOPs: 2 N P Q K R S C. Roofline:
// FP32 from some 32 channels on. Bench: lapidary bench --device cuda --kernel conv2d_dgrad
#include "kernels/conv2d/dgrad_implicit_gemm.h"

#include "kernels/conv2d/gathered_source.cuh"

namespace {

/// The pixels first, first + stride, ... of an axis, and their taps.
struct ClassAxis {
  int32_t first, count;
  int32_t first_tap, tap_step, taps;
  int32_t first_output, output_step;  ///< of the first pixel at its first tap; backwards from tap to tap

  __device__ ClassAxis(const DgradAxis& axis, int32_t first)
      : first(first),
        count((axis.input - first + axis.stride - 1) / axis.stride),
        first_tap(0),
        tap_step(axis.stride / axis.common),
        taps(0),
        first_output(0),
        output_step(axis.dilation / axis.common) {
    // Taps r with r * dilation = first + pad modulo the stride.
    const int32_t residue = (first + axis.pad) % axis.stride;
    if (residue % axis.common != 0) return;
    first_tap = residue / axis.common * axis.inverse % tap_step;
    if (first_tap < axis.taps) taps = (axis.taps - first_tap + tap_step - 1) / tap_step;
    first_output = (first + axis.pad - first_tap * axis.dilation) / axis.stride;
  }
};

/// Rows of the filter: (r, s, k) of a class.
class FilterRows {
 public:
  __device__ FilterRows(const DgradParameters& p, const ClassAxis& h, const ClassAxis& w,
                        const NestedWalk& walk)
      : p_(p), h_(h), w_(w), walk_(walk), position_(walk.at(threadIdx.x)) {}
  __device__ Pixel at() const {
    const int32_t r = h_.first_tap + position_.outer * h_.tap_step;
    const int32_t s = w_.first_tap + position_.middle * w_.tap_step;
    return {((int64_t{position_.inner} * p_.h.taps + r) * p_.w.taps + s) * p_.c, 0, 0};
  }
  __device__ void advance() { walk_.advance(position_); }

 private:
  const DgradParameters& p_;
  const ClassAxis &h_, &w_;
  const NestedWalk& walk_;
  NestedPosition position_;
};

template <class Tile>
__device__ void store_gradients(const DgradParameters& p, const Tile& tile, int64_t column0,
                                const int64_t (&offsets)[Tile::kRows], int rows,
                                const float (&sums)[Tile::kThreadRows][Tile::kThreadColumns]) {
#pragma unroll
  for (int j0 = 0; j0 < Tile::kThreadColumns; j0 += 4) {
    const int64_t c = column0 + tile.column(j0);
    const int channels = static_cast<int>(p.c - c < 4 ? p.c - c : 4);
    if (channels <= 0) continue;
#pragma unroll
    for (int i = 0; i < Tile::kThreadRows; ++i) {
      if (tile.row(i) >= rows) continue;
      const int64_t at = offsets[tile.row(i)] + c;
      float addend[4] = {}, rectified[4] = {}, dx[4];
      if (p.addend) load_up_to_four(addend, p.addend + at, channels, p.wide_c);
      if (p.rectified) load_up_to_four(rectified, p.rectified + at, channels, p.wide_c);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        dx[j] = sums[i][j0 + j] + addend[j];
        if (p.rectified && (rectified[j] <= 0 || rectified[j] > p.greatest_open)) dx[j] = 0;
      }
      store_up_to_four(p.dx + at, dx, channels, p.wide_c);
    }
  }
}

template <class Tile>
__device__ void convolve_tile(const DgradParameters& p) {
  using Dy = OperandTile<TileLayout::DepthContiguous, Tile::kRows>;
  using Filter = OperandTile<TileLayout::DepthMajor, Tile::kColumns>;
  using Pixels = GatheredPixels<Dy, Tile::kThreads>;
  using Rows = GatheredTaps<Filter, Tile::kThreads, FilterRows>;
  __shared__ ProductStages<Dy, Filter> stages;
  __shared__ Pixel pixels[Tile::kRows];
  __shared__ int64_t offsets[Tile::kRows];  // of the pixels in dx
  __shared__ typename Rows::Table table;
  __shared__ typename Pixels::Coefficients coefficients;
  const Tile tile;
  const ClassAxis h(p.h, static_cast<int32_t>(blockIdx.y)), w(p.w, static_cast<int32_t>(blockIdx.z));
  const int64_t row0 = int64_t{blockIdx.x / p.column_tiles} * Tile::kRows;
  const int64_t column0 = int64_t{blockIdx.x % p.column_tiles} * Tile::kColumns;
  const int64_t left = p.n * h.count * w.count - row0;
  if (left <= 0) return;  // the grid is that of the largest class
  const int rows = static_cast<int>(left < Tile::kRows ? left : Tile::kRows);
  if (threadIdx.x < Tile::kRows) {
    const int64_t pixel = row0 + threadIdx.x, row = pixel / w.count, image = row / h.count;
    const auto i = static_cast<int32_t>(row % h.count), j = static_cast<int32_t>(pixel % w.count);
    if (threadIdx.x < rows) {
      const int32_t out_h = h.first_output + i, out_w = w.first_output + j;
      pixels[threadIdx.x] = {((image * p.h.output + out_h) * p.w.output + out_w) * p.y_pixel, out_h, out_w};
      offsets[threadIdx.x] =
          ((image * p.h.input + h.first + i * p.h.stride) * p.w.input + w.first + j * p.w.stride) * p.x_pixel;
    } else {
      pixels[threadIdx.x] = Pixel::outside();
    }
  }
  const int64_t sum = int64_t{h.taps} * w.taps * p.k;
  const NestedWalk walk(w.taps > 0 ? w.taps : 1, p.k, kProductDepth);
  const GatheredImage outputs{p.dy, p.h.output, p.w.output}, whole_filter{p.filter, 1, 1};
  const TapSteps steps{-h.output_step, -w.output_step, -int64_t{h.output_step} * p.w.output * p.y_pixel,
                       -int64_t{w.output_step} * p.y_pixel};
  const Conv2dPrologue none;
  Pixels dy(outputs, pixels, steps, walk, h.taps, p.wide_k, none, coefficients);
  FilterRows filter_rows(p, h, w, walk);
  Rows filter(
      whole_filter, filter_rows, table, p.c - column0, p.wide_filter,
      [&](int line) {
        return Tap{column0 + line, 0, 0};
      },
      none, nullptr);
  __syncthreads();
  float sums[Tile::kThreadRows][Tile::kThreadColumns];
  multiply(sums, tile, dy, filter, stages, sum);
  store_gradients(p, tile, column0, offsets, rows, sums);
}

}  // namespace

#define LAPIDARY_DGRAD(tile) \
  LAPIDARY_TILE_KERNEL(tile) dgrad_##tile(const DgradParameters p) { convolve_tile<Tile##tile>(p); }

LAPIDARY_TILE_SHAPES(LAPIDARY_DGRAD)
