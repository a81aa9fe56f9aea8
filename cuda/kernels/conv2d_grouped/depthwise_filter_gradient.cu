// dfilter of a depthwise convolution: dfilter[c,r,s] = sum over n, p, q of dy[n,p,q,c] act(x[n,h,w,c]).
//
// A block takes the tiles of one chunk, for a block of channels: dy's tile and the inputs that it meets, halo
// included, lie in shared memory. A thread has one row of the filter, all of its taps, for its channels:
// along every few rows of the tile it multiplies 4 neighbouring gradients with a window of inputs in
// registers. At the end a tree adds the slices of rows; sum_partials adds the chunks, whose number depends on
// the problem. Variants: taps_S_stride_T_dilation_D_xV: width, stride and dilation of the columns; V = 4 or 1
// channels a thread. Bytes: 4 times: in C times the inputs that each tile loads; dy once; R S C chunks of
// partial sums
//        written, and read again by sum_partials; dfilter.
// FLOPs: 2 R S an element of dy. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel conv2d_wgrad
//        --problem "N=32 H=56 W=56 C=144 K=144 groups=144 R=3 S=3 pad_h=1 pad_w=1"
#include "kernels/conv2d_grouped/block_statistics.cuh"
#include "kernels/conv2d_grouped/filter_gradient.h"
#include "kernels/conv2d_grouped/fused_operands.cuh"

namespace {

constexpr int kStrip = kGradientStrip;

/// Tile of pixels for the channels of one thread column; zero beyond the image.
template <int kWidth, class Convert>
__device__ inline void load_pixels(const float* from, int64_t pixel, int64_t image, int rows, int columns,
                                   int first_row, int first_column, int height, int width, int channel,
                                   Convert&& convert, float* tile) {
  const int block_channels = static_cast<int>(blockDim.x) * kWidth;
  int row = 0, column = static_cast<int>(threadIdx.z * blockDim.y + threadIdx.y);
  const int step = static_cast<int>(blockDim.y * blockDim.z);
  for (;; column += step) {
    while (column >= width && row < height) column -= width, ++row;
    if (row >= height) break;
    Floats<kWidth> x = Floats<kWidth>::all(0);
    const int h = first_row + row, w = first_column + column;
    if (h >= 0 && h < rows && w >= 0 && w < columns)
      x = convert(Floats<kWidth>::load(from + ((image * rows + h) * columns + w) * pixel + channel));
    x.store(tile + (row * width + column) * block_channels + threadIdx.x * kWidth);
  }
}

template <int kWidth, int kTaps, int kStride, int kDilation>
__device__ inline void gradient(const DepthwiseFilterGradient& parameters) {
  extern __shared__ float4 shared[];
  const FilterGradient& p = parameters.gradient;
  const int block_channels = static_cast<int>(blockDim.x) * kWidth;
  const int64_t chunk = blockIdx.x / parameters.channel_parts;
  const int part = static_cast<int>(blockIdx.x - chunk * parameters.channel_parts);
  const int channel = part * block_channels + static_cast<int>(threadIdx.x) * kWidth;
  const bool active = channel < p.groups;
  float* const x_tile = reinterpret_cast<float*>(shared);
  float* const dy_tile = x_tile + parameters.x_floats;
  const int tile_height =
      (parameters.tile_rows - 1) * p.rows.stride + (p.rows.taps - 1) * p.rows.dilation + 1;
  const int tile_width = (parameters.tile_columns - 1) * kStride + (kTaps - 1) * kDilation + 1;
  const int row_tiles = p.rows.tiles(parameters.tile_rows);
  const int column_tiles = p.columns.tiles(parameters.tile_columns);
  const ChannelPrologue<kWidth> prologue(p.prologue, active ? channel : 0);

  Floats<kWidth> sums[kTaps];
#pragma unroll
  for (int s = 0; s < kTaps; ++s) sums[s] = Floats<kWidth>::all(0);
  const int64_t end = min(p.units, (chunk + 1) * p.chunk_units);
  for (int64_t unit = chunk * p.chunk_units; unit < end; ++unit) {
    const int64_t tile_row = unit / column_tiles, image = tile_row / row_tiles;
    const int first_row = static_cast<int>(tile_row - image * row_tiles) * parameters.tile_rows;
    const int first_column = static_cast<int>(unit - tile_row * column_tiles) * parameters.tile_columns;
    __syncthreads();
    if (active) {
      load_pixels<kWidth>(p.x, p.x_pixel, image, p.rows.ins, p.columns.ins,
                          first_row * p.rows.stride - p.rows.pad, first_column * kStride - p.columns.pad,
                          tile_height, tile_width, channel, prologue, x_tile);
      load_pixels<kWidth>(
          p.dy, p.y_pixel, image, p.rows.outs, p.columns.outs, first_row, first_column, parameters.tile_rows,
          parameters.tile_columns, channel, [](Floats<kWidth> dy) { return dy; }, dy_tile);
    }
    __syncthreads();
    if (!active) continue;
    for (int row = static_cast<int>(threadIdx.y); row < parameters.tile_rows;
         row += static_cast<int>(blockDim.y)) {
      const int x_row = row * p.rows.stride + static_cast<int>(threadIdx.z) * p.rows.dilation;
      const float* x = x_tile + x_row * tile_width * block_channels + threadIdx.x * kWidth;
      const float* dy = dy_tile + row * parameters.tile_columns * block_channels + threadIdx.x * kWidth;
      for (int strip = 0; strip < parameters.tile_columns; strip += kStrip) {
        constexpr int kSpan = (kStrip - 1) * kStride + (kTaps - 1) * kDilation + 1;
        Floats<kWidth> window[kSpan], gradients[kStrip];
#pragma unroll
        for (int i = 0; i < kSpan; ++i) window[i] = Floats<kWidth>::load(x + i * block_channels);
#pragma unroll
        for (int j = 0; j < kStrip; ++j) gradients[j] = Floats<kWidth>::load(dy + j * block_channels);
#pragma unroll
        for (int s = 0; s < kTaps; ++s) {
#pragma unroll
          for (int j = 0; j < kStrip; ++j)
            multiply_add(sums[s], window[j * kStride + s * kDilation], gradients[j]);
        }
        x += kStrip * kStride * block_channels, dy += kStrip * block_channels;
      }
    }
  }

  float* const scratch = x_tile + threadIdx.z * blockDim.y * block_channels;
  float* const to = p.partials + chunk * p.filter_count;
#pragma unroll
  for (int s = 0; s < kTaps; ++s) {
    const Floats<kWidth> sum = sum_over_slices(sums[s], scratch);
    if (threadIdx.y != 0 || !active) continue;
#pragma unroll
    for (int v = 0; v < kWidth; ++v)
      to[(int64_t{channel + v} * p.rows.taps + threadIdx.z) * kTaps + s] = sum[v];
  }
}

}  // namespace

#define LAPIDARY_VARIANT(width, taps, stride, dilation)                                                 \
  extern "C" __global__ void __launch_bounds__(512)                                                     \
      taps_##taps##_stride_##stride##_dilation_##dilation##_x##width(const DepthwiseFilterGradient p) { \
    gradient<width, taps, stride, dilation>(p);                                                         \
  }
#define LAPIDARY_VARIANTS(taps, stride, dilation) \
  LAPIDARY_VARIANT(4, taps, stride, dilation)     \
  LAPIDARY_VARIANT(1, taps, stride, dilation)
LAPIDARY_VARIANTS(3, 1, 1)
LAPIDARY_VARIANTS(3, 1, 2)
LAPIDARY_VARIANTS(3, 2, 1)
LAPIDARY_VARIANTS(5, 1, 1)
LAPIDARY_VARIANTS(5, 1, 2)
LAPIDARY_VARIANTS(5, 2, 1)
LAPIDARY_VARIANTS(7, 1, 1)
