// Convolution of any groups, fprop and dgrad, without a tile: for taps so far apart that a tile does not pay
// or does not fit in shared memory.
//
// A block takes 32 neighbouring pixels of the output by 32 channels; a thread 4 pixels of one channel, and
// reads inputs and filter where they are. The sum of a tap's channels is made on its own, so that long sums
// stay accurate.
// Variants: one. Bytes: 8 a multiply-add (16 with a prologue), from caches mostly; what grouped_correlation
// moves for the output. FLOPs: 2 R S C/groups an output. Roofline: L1.
// Bench: lapidary bench --device cuda --kernel conv2d_fprop
//        --problem "N=8 H=65 W=65 C=64 K=64 groups=16 R=3 S=3 dilation_h=32 dilation_w=32"
#include "kernels/conv2d_grouped/direct_correlation.h"

#include "kernels/conv2d_grouped/block_statistics.cuh"
#include "kernels/conv2d_grouped/fused_operands.cuh"

namespace {

/// An output's place along an axis: its phase, and its number there.
struct AxisPlace {
  CorrelationPhase phase;
  int first_in;

  __device__ AxisPlace(const CorrelationAxis& axis, int out)
      : phase(axis.phase(axis.transposed ? (out + axis.pad) % axis.stride : 0)),
        first_in((out - phase.out_first) / phase.out_step * phase.in_stride + phase.in_first) {}
  __device__ int in(int tap) const { return first_in + tap * phase.tap_step; }
  __device__ int filter_tap(int tap) const { return phase.tap_first + tap * phase.tap_stride; }
};

__device__ inline float sum_at(const Correlation& p, int64_t image, int h, int w, int group, int out) {
  const AxisPlace rows(p.rows, h), columns(p.columns, w);
  const int first_channel = group * p.group_ins;
  float sum = 0;
  for (int r = 0; r < rows.phase.taps; ++r) {
    const int in_row = rows.in(r);
    if (in_row < 0 || in_row >= p.rows.ins) continue;
    for (int s = 0; s < columns.phase.taps; ++s) {
      const int in_column = columns.in(s);
      if (in_column < 0 || in_column >= p.columns.ins) continue;
      const float* const x =
          p.in + ((image * p.rows.ins + in_row) * p.columns.ins + in_column) * p.in_pixel + first_channel;
      const int64_t tap = int64_t{rows.filter_tap(r)} * p.columns.taps + columns.filter_tap(s);
      const float* const filter = p.filter + group * p.filter_group + out * p.filter_out + tap * p.filter_tap;
      float tap_sum = 0;
      for (int c = 0; c < p.group_ins; ++c) {
        const ChannelPrologue<1> prologue(p.prologue, first_channel + c);
        tap_sum = fmaf(prologue({{x[c]}})[0], filter[c * p.filter_in], tap_sum);
      }
      sum += tap_sum;
    }
  }
  return sum;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kDirectChannels* kDirectSlices)
    direct_correlation(const DirectCorrelation parameters) {
  __shared__ float scratch[kDirectChannels * kDirectSlices];
  const Correlation& p = parameters.correlation;
  const int64_t block = blockIdx.x / parameters.channel_parts;
  const int64_t part = blockIdx.x - block * parameters.channel_parts;
  const int64_t channels = int64_t{p.groups} * p.group_outs;
  const int channel = static_cast<int>(part * kDirectChannels + threadIdx.x);
  const int64_t pixels = int64_t{p.images} * p.rows.outs * p.columns.outs;
  const int64_t block_pixel = block * kDirectSlices * kDirectOutputs;
  Floats<1> sums[kDirectOutputs];
#pragma unroll
  for (int j = 0; j < kDirectOutputs; ++j) sums[j] = Floats<1>::all(0);
  unsigned valid = 0;
  if (channel < channels) {
    const ChannelEpilogue<1> epilogue(p, channel);
    const int group = channel / p.group_outs, out = channel - group * p.group_outs;
#pragma unroll
    for (int j = 0; j < kDirectOutputs; ++j) {
      const int64_t pixel = block_pixel + threadIdx.y * kDirectOutputs + j;
      if (pixel >= pixels) break;
      valid |= 1u << j;
      const int64_t row = pixel / p.columns.outs, image = row / p.rows.outs;
      sums[j][0] = sum_at(p, image, static_cast<int>(row - image * p.rows.outs),
                          static_cast<int>(pixel - row * p.columns.outs), group, out);
      epilogue.store(sums[j], pixel);
    }
  }
  if (p.statistics) {
    const int64_t count = min(pixels - block_pixel, int64_t{kDirectSlices} * kDirectOutputs);
    store_statistics<1>(sums, valid, static_cast<float>(count), p.statistics, block, channels, channel,
                        channel < channels, scratch);
  }
}
