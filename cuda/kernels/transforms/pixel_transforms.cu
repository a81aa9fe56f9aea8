// Runs of steps of transform_images that need one pixel of their input for one of their output: crop, flip,
// cutout, erase, and all of colours, in one pass however many they are.
//
// Variants: `rgb` takes pixels of three channels, `values` each value by itself (colours need 1 or 3
// channels). A pixel goes back through the run to its place in the input, or to the step that made it (zeros
// around a crop, an erased rectangle), then forth through the colours. Before a contrast, mean_luma (a block
// of 512 threads a sample) takes the same way up to there. A block takes 1,024 outputs, and writes 256 at a
// time through shared memory, so that a warp's stores are neighbours.
//
// Bytes at most, v an input value: v + 4 a value, 36 a step and block, 8 a block; a contrast once more v a
// value, and as much as a block a sample.
//
// FLOPs: about 10 a value and adjustment, 50 a pixel for hue. Roofline: memory, hue near instructions.
//
// Bench: lapidary bench --device cuda --kernel transform_images
#include "kernels/transforms/pixel_transforms.h"

#include "device/block_reduce.cuh"
#include "kernels/transforms/color_adjustments.cuh"

namespace data = lapidary::data;

namespace {

using Kind = data::TransformKind;
constexpr int kContrast = 1;

/// What a block knows of its sample.
struct Sample {
  int64_t start;
  float parameters[data::kMostSteps][data::kStepParameters];
  float means[data::kMostSteps];
};

/// All threads of the block; they are in step afterwards.
__device__ inline void load_sample(const PixelTransformsParameters& p, int64_t n, Sample& sample) {
  const float* parameters = p.parameters.of(n);
  for (int i = threadIdx.x; i < p.steps * data::kStepParameters; i += blockDim.x)
    sample.parameters[i / data::kStepParameters][i % data::kStepParameters] = parameters[i];
  // What a contrast before this one has left.
  for (int i = threadIdx.x; i < p.steps - (p.y ? 0 : 1); i += blockDim.x) {
    if (static_cast<Kind>(p.step_at[i].kind) == Kind::ColorJitter &&
        p.step_at[i].adjustments >> kContrast & 1)
      sample.means[i] = p.means[n * data::kMostSteps + i];
  }
  if (threadIdx.x == 0) sample.start = p.x.start_of(n);
  __syncthreads();
}

/// The pixel at (row, column) after the last step; of mean_luma, before the contrast of the last one.
template <int kChannels>
__device__ inline Pixel<kChannels> transformed(const PixelTransformsParameters& p, const Sample& sample,
                                               int row, int column, int channel) {
  Pixel<kChannels> pixel;
  const auto fill = [&](float value) {
#pragma unroll
    for (float& each : pixel.value) each = value;
  };
  int step = p.steps - 1;
  for (; step >= 0; --step) {
    const float* q = sample.parameters[step];
    if (q[0] == 0) continue;
    const PixelStep& at = p.step_at[step];
    const auto kind = static_cast<Kind>(at.kind);
    if (kind == Kind::Flip) {
      column = at.in_w - 1 - column;
    } else if (kind == Kind::Crop) {
      row += static_cast<int>(q[1]), column += static_cast<int>(q[2]);
      if (row >= 0 && row < at.in_h && column >= 0 && column < at.in_w) continue;
      fill(0);
      break;
    } else if (kind == Kind::Cutout || kind == Kind::Erase) {
      const int top = static_cast<int>(q[1]), left = static_cast<int>(q[2]);
      if (row < top || row >= top + static_cast<int>(q[3]) || column < left ||
          column >= left + static_cast<int>(q[4]))
        continue;
      fill(q[5]);
      break;
    }
  }
  if (step < 0) {
    const int64_t at = sample.start + (int64_t{row} * p.x.w + column) * p.x.c + channel;
#pragma unroll
    for (int c = 0; c < kChannels; ++c) pixel.value[c] = p.x.value(at + c);
  }
  for (++step; step < p.steps; ++step) {
    const float* q = sample.parameters[step];
    if (q[0] == 0) continue;
    const PixelStep& at = p.step_at[step];
    switch (static_cast<Kind>(at.kind)) {
      case Kind::ColorJitter: {
        const int order = static_cast<int>(q[1]);
        for (int unit = 1000; unit > 0; unit /= 10) {
          const int which = order / unit % 10;
          if (!(at.adjustments >> which & 1)) continue;
          if (which == kContrast && !p.y && step == p.steps - 1) return pixel;
          if (which == 0) blend(pixel, q[2], 0.0f);
          if (which == kContrast) blend(pixel, q[3], sample.means[step]);
          if (which == 2 && kChannels == 3) blend(pixel, q[4], pixel.luma());
          if (which == 3) shift_hue(pixel, q[5]);
        }
        break;
      }
      case Kind::Grayscale:
        make_gray(pixel);
        break;
      case Kind::Solarize:
#pragma unroll
        for (float& value : pixel.value) value = value >= q[1] ? 1 - value : value;
        break;
      default:
        break;
    }
  }
  return pixel;
}

/// Outputs [0, outputs) of a picture, kChannels values each.
template <int kChannels>
struct Place {
  int row, column, channel;
  __device__ Place(const PixelTransformsParameters& p, int64_t output) {
    const int channels = p.x.c / kChannels;  // that are outputs of their own
    const int pixel = static_cast<int>(output / channels);
    channel = static_cast<int>(output % channels);
    row = pixel / p.w, column = pixel % p.w;
  }
};

template <int kChannels>
__device__ inline void transform_tile(const PixelTransformsParameters& p) {
  __shared__ Sample sample;
  __shared__ float tile[256 * kChannels];
  const int64_t n = blockIdx.x / p.tiles, outputs = int64_t{p.h} * p.w * (p.x.c / kChannels);
  load_sample(p, n, sample);
  const int64_t begin = int64_t{blockIdx.x % p.tiles} * kPixelsOfBlock;
  float* y = p.y + n * outputs * kChannels;
  for (int64_t first = begin; first < min(begin + kPixelsOfBlock, outputs); first += 256) {
    const int64_t output = first + threadIdx.x;
    if (output < outputs) {
      const Place<kChannels> place(p, output);
      const Pixel<kChannels> pixel =
          transformed<kChannels>(p, sample, place.row, place.column, place.channel);
#pragma unroll
      for (int c = 0; c < kChannels; ++c) tile[threadIdx.x * kChannels + c] = pixel.value[c];
    }
    __syncthreads();
    for (int i = threadIdx.x; i < 256 * kChannels; i += 256) {
      if (first * kChannels + i < outputs * kChannels) y[first * kChannels + i] = tile[i];
    }
    __syncthreads();
  }
}

template <int kChannels>
__device__ inline void mean_luma(const PixelTransformsParameters& p) {
  __shared__ Sample sample;
  const int64_t n = blockIdx.x;
  load_sample(p, n, sample);
  const int last = p.steps - 1;
  if (sample.parameters[last][0] == 0) return;
  const int64_t pixels = int64_t{p.h} * p.w;
  double total = 0;
  float sum = 0;
  int added = 0;
  for (int64_t i = threadIdx.x; i < pixels; i += 512) {
    sum += transformed<kChannels>(p, sample, static_cast<int>(i / p.w), static_cast<int>(i % p.w), 0).luma();
    if (++added == 64) {
      total += sum;
      sum = 0, added = 0;
    }
  }
  total = block_sum<512>(total + sum);
  if (threadIdx.x == 0)
    p.means[n * data::kMostSteps + last] = static_cast<float>(total / static_cast<double>(pixels));
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) transform_rgb(const PixelTransformsParameters p) {
  transform_tile<3>(p);
}
extern "C" __global__ void __launch_bounds__(256) transform_values(const PixelTransformsParameters p) {
  transform_tile<1>(p);
}
extern "C" __global__ void __launch_bounds__(512) mean_luma_rgb(const PixelTransformsParameters p) {
  mean_luma<3>(p);
}
extern "C" __global__ void __launch_bounds__(512) mean_luma_values(const PixelTransformsParameters p) {
  mean_luma<1>(p);
}
