// Depthwise convolution, fprop and dgrad: y[n,p,q,c] = sum over r, s of act(x[n,h,w,c]) filter[c,r,s].
//
// A block computes a tile of outputs of one image for a block of channels. It loads the inputs they need,
// with their halo, once into shared memory, 16 bytes over channels an access; padding is 0 there, the
// prologue is applied on the way. Each thread then computes four neighbouring outputs of a row for its
// channels: a row of inputs is loaded into registers once for all taps. dgrad is the same over dy; with
// strides, a phase of positions at a time (correlation.h). Statistics are made of the sums in registers.
// Variants: taps_S_stride_T_dilation_D_xV: width, stride and dilation known to the compiler, or `any`;
//           V = 4 or 1 channels a thread.
// Bytes: 4 times: in C times the inputs that each tile loads; the filter once a tile; the output, residual,
//        addend and rectified once; statistics 3 C a tile written, and read again by merge_statistics.
//        An 8 x 16 tile of a 3x3 filter loads 1.41 inputs an output, most of the halo from L2.
// FLOPs: 2 R S an output. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel conv2d_fprop
//        --problem "N=32 H=56 W=56 C=144 K=144 groups=144 R=3 S=3 pad_h=1 pad_w=1"
#include "kernels/conv2d_grouped/depthwise_correlation.h"

#include "kernels/conv2d_grouped/block_statistics.cuh"
#include "kernels/conv2d_grouped/fused_operands.cuh"

namespace {

constexpr int kStrip = kDepthwiseStrip;

/// kTaps 0: width, stride and dilation are those of the phase.
template <int kWidth, int kTaps, int kStride, int kDilation>
__device__ inline void correlate(const DepthwiseCorrelation& parameters) {
  extern __shared__ float4 shared[];
  const Correlation& p = parameters.correlation;
  const int channels = p.groups, block_channels = static_cast<int>(blockDim.x) * kWidth;
  const int parts = (channels + block_channels - 1) / block_channels;
  const int row_tiles = p.rows.tiles(parameters.tile_rows);
  const int column_tiles = p.columns.tiles(parameters.tile_columns);
  int rest = static_cast<int>(blockIdx.x);
  const int part = rest % parts;
  rest /= parts;
  const int tile_number = rest;
  const int first_column = rest % column_tiles * parameters.tile_columns;
  rest /= column_tiles;
  const int first_row = rest % row_tiles * parameters.tile_rows;
  rest /= row_tiles;
  const CorrelationPhase columns = p.columns.phase(rest % p.columns.phases());
  rest /= p.columns.phases();
  const CorrelationPhase rows = p.rows.phase(rest % p.rows.phases());
  const int64_t image = rest / p.rows.phases();
  if (first_row >= rows.outs || first_column >= columns.outs) return;

  float* const tile = reinterpret_cast<float*>(shared);
  float* const filter = tile + parameters.tile_floats;
  const int filter_pitch = block_channels + kWidth;  // so that storing it meets few bank conflicts
  const int taps = p.rows.taps * p.columns.taps;
  const int first_channel = part * block_channels;
  const int channel = first_channel + static_cast<int>(threadIdx.x) * kWidth;
  const bool active = channel < channels;
  const int threads = static_cast<int>(blockDim.x * blockDim.y);

  // The filter of these channels is one run of memory.
  const int filter_count = min(block_channels, channels - first_channel) * taps;
  for (int i = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x); i < filter_count; i += threads)
    filter[i % taps * filter_pitch + i / taps] = p.filter[static_cast<int64_t>(first_channel) * taps + i];

  const bool any_taps = rows.taps > 0 && columns.taps > 0;
  const int tile_height = any_taps ? rows.span(parameters.tile_rows) : 0;
  const int tile_width = columns.span(parameters.tile_columns);
  const int in_row = first_row * rows.in_stride + rows.in_first;
  const int in_column = first_column * columns.in_stride + columns.in_first;
  if (active) {
    const ChannelPrologue<kWidth> prologue(p.prologue, channel);
    int row = 0, column = static_cast<int>(threadIdx.y);
    for (;; column += static_cast<int>(blockDim.y)) {
      while (column >= tile_width && row < tile_height) column -= tile_width, ++row;
      if (row >= tile_height) break;
      Floats<kWidth> x = Floats<kWidth>::all(0);
      const int h = in_row + row, w = in_column + column;
      if (h >= 0 && h < p.rows.ins && w >= 0 && w < p.columns.ins) {
        const int64_t pixel = (image * p.rows.ins + h) * p.columns.ins + w;
        x = prologue(Floats<kWidth>::load(p.in + pixel * p.in_pixel + channel));
      }
      x.store(tile + (row * tile_width + column) * block_channels + threadIdx.x * kWidth);
    }
  }
  __syncthreads();

  const int strips = parameters.tile_columns / kStrip;
  const int row = static_cast<int>(threadIdx.y) / strips;
  const int column = static_cast<int>(threadIdx.y) % strips * kStrip;
  Floats<kWidth> sums[kStrip];
#pragma unroll
  for (int j = 0; j < kStrip; ++j) sums[j] = Floats<kWidth>::all(0);
  if (active && any_taps) {
    const float* const lane_filter = filter + threadIdx.x * kWidth;
    for (int r = 0; r < rows.taps; ++r) {
      const float* const from =
          tile +
          ((row * rows.in_stride + r * rows.tap_step) * tile_width + column * columns.in_stride) *
              block_channels +
          threadIdx.x * kWidth;
      const int filter_row = (rows.tap_first + r * rows.tap_stride) * p.columns.taps;
      if constexpr (kTaps > 0) {
        constexpr int kSpan = (kStrip - 1) * kStride + (kTaps - 1) * kDilation + 1;
        Floats<kWidth> window[kSpan];
#pragma unroll
        for (int i = 0; i < kSpan; ++i) window[i] = Floats<kWidth>::load(from + i * block_channels);
#pragma unroll
        for (int s = 0; s < kTaps; ++s) {
          const int tap = filter_row + columns.tap_first + s * columns.tap_stride;
          const auto weight = Floats<kWidth>::load(lane_filter + tap * filter_pitch);
#pragma unroll
          for (int j = 0; j < kStrip; ++j) multiply_add(sums[j], window[j * kStride + s * kDilation], weight);
        }
      } else {
        for (int s = 0; s < columns.taps; ++s) {
          const int tap = filter_row + columns.tap_first + s * columns.tap_stride;
          const auto weight = Floats<kWidth>::load(lane_filter + tap * filter_pitch);
#pragma unroll
          for (int j = 0; j < kStrip; ++j) {
            const int at = j * columns.in_stride + s * columns.tap_step;
            multiply_add(sums[j], Floats<kWidth>::load(from + at * block_channels), weight);
          }
        }
      }
    }
  }

  unsigned valid = 0;
  if (active && first_row + row < rows.outs) {
    const ChannelEpilogue<kWidth> epilogue(p, channel);
    const int64_t h = rows.out_first + int64_t{first_row + row} * rows.out_step;
#pragma unroll
    for (int j = 0; j < kStrip; ++j) {
      const int out = first_column + column + j;
      if (out >= columns.outs) break;
      valid |= 1u << j;
      const int64_t w = columns.out_first + int64_t{out} * columns.out_step;
      const int64_t pixel = (image * p.rows.outs + h) * p.columns.outs + w;
      epilogue.store(sums[j], pixel);
    }
  }
  if (p.statistics) {
    const int count = min(parameters.tile_rows, rows.outs - first_row) *
                      min(parameters.tile_columns, columns.outs - first_column);
    store_statistics<kWidth>(sums, valid, static_cast<float>(count), p.statistics, tile_number, channels,
                             channel, active ? kWidth : 0, tile);
  }
}

}  // namespace

#define LAPIDARY_VARIANT(name, width, taps, stride, dilation)            \
  extern "C" __global__ void __launch_bounds__((width) == 4 ? 256 : 512) \
      name##_x##width(const DepthwiseCorrelation p) {                    \
    correlate<width, taps, stride, dilation>(p);                         \
  }
#define LAPIDARY_VARIANTS(taps, stride, dilation)                                                  \
  LAPIDARY_VARIANT(taps_##taps##_stride_##stride##_dilation_##dilation, 4, taps, stride, dilation) \
  LAPIDARY_VARIANT(taps_##taps##_stride_##stride##_dilation_##dilation, 1, taps, stride, dilation)
LAPIDARY_VARIANT(any, 4, 0, 0, 0)
LAPIDARY_VARIANT(any, 1, 0, 0, 0)
LAPIDARY_VARIANTS(3, 1, 1)
LAPIDARY_VARIANTS(3, 1, 2)
LAPIDARY_VARIANTS(3, 2, 1)
LAPIDARY_VARIANTS(5, 1, 1)
LAPIDARY_VARIANTS(5, 1, 2)
LAPIDARY_VARIANTS(5, 2, 1)
LAPIDARY_VARIANTS(7, 1, 1)
