// Resampling and Gaussian blur of transform_images: sums down, then across.
//
// Variants: `resample` and `blur` take a block of 256 threads for a line of the output: the weighted sum of
// the input's lines is kept in shared memory, with the weights down, and is then summed across; where that is
// too wide for shared memory, it lies in the workspace. `resampling_weights` (a thread an output of an axis)
// and `gaussian_weights` (a warp an axis) compute weights before, in f64.
//
// Bytes at most, with a taps down and b across, c channels, input values of v bytes, w columns in and w' out:
// a line resampled w c a v + w' c (4 b + 12) + 4 a + 32, blurred w c (a v + 4) + 4 (a + b) + 16; where it
// lies in the workspace 4 w c (1 + a) + 4 w' c b more (blurred 8 w c b). Weights: 4 each and 24 an output.
//
// FLOPs: 2 (a w c + b w' c) a line. Roofline: memory, L2 where lines overlap.
//
// Bench: lapidary bench --device cuda --kernel transform_images
#include "kernels/transforms/separable_filters.h"

#include "data/transform_weights.h"
#include "device/warp_reduce.cuh"

namespace data = lapidary::data;

namespace {

struct Box {
  int32_t top, left, h, w;
};

__device__ inline Box box_of(const ResamplingPlan& plan, const StepParameters& box, int64_t n) {
  if (!plan.boxed) return {0, 0, plan.in_h, plan.in_w};
  const float* p = box.of(n);
  const auto whole = [&](int at) { return static_cast<int32_t>(p[at]); };
  return {whole(1), whole(2), whole(3), whole(4)};
}

/// Where a block keeps what it sums across: the weights down and a line in shared memory, or the line alone
/// in the workspace.
struct Line {
  float* values;
  const float* down;
};

__device__ inline Line line_of_block(float* lines, int64_t width, const float* down, int taps) {
  extern __shared__ float shared[];
  if (lines) return {lines + blockIdx.x * width, down};
  for (int j = threadIdx.x; j < taps; j += 256) shared[j] = down[j];
  return {shared + taps, shared};
}

}  // namespace

extern "C" __global__ void __launch_bounds__(128) resampling_weights(const ResamplingWeightsParameters p) {
  const ResamplingPlan& plan = p.plan;
  const int64_t outputs = int64_t{plan.out_h} + plan.out_w, thread = int64_t{blockIdx.x} * 128 + threadIdx.x;
  const int64_t row = thread / outputs, output = thread % outputs;
  if (row >= p.rows) return;
  const Box box = box_of(plan, p.box, row);
  int32_t* windows = p.windows + row * plan.windows();
  float* weights = p.weights + row * plan.weights();
  const auto kind = static_cast<data::Interpolation>(plan.interpolation);
  if (output < plan.out_h) {
    const data::Resampling<float> down{plan.out_h, plan.taps_h, windows, windows + plan.out_h, weights};
    data::make_window(down, output, box.h, kind, plan.antialias);
  } else {
    windows += 2 * plan.out_h, weights += int64_t{plan.out_h} * plan.taps_h;
    const data::Resampling<float> across{plan.out_w, plan.taps_w, windows, windows + plan.out_w, weights};
    data::make_window(across, output - plan.out_h, box.w, kind, plan.antialias);
  }
}

extern "C" __global__ void __launch_bounds__(128) gaussian_weights(const GaussianWeightsParameters p) {
  const int64_t warp = int64_t{blockIdx.x} * 4 + threadIdx.x / 32;
  const int64_t row = warp / 2;
  if (row >= p.rows) return;
  const bool is_across = warp % 2 != 0;
  const int size = is_across ? p.across : p.down;
  const float* parameters = p.sigmas.of(row);
  // A step that is not applied has no sigma.
  const double sigma = parameters[0] == 0 ? 1.0 : parameters[is_across ? 2 : 1];
  float* weights = p.weights + row * (int64_t{p.down} + p.across) + (is_across ? p.down : 0);
  double total = 0;
  for (int j = threadIdx.x % 32; j < size; j += 32) total += data::gaussian(j, size, sigma);
  total = warp_sum(total);
  for (int j = threadIdx.x % 32; j < size; j += 32)
    weights[j] = static_cast<float>(data::gaussian(j, size, sigma) / total);
}

extern "C" __global__ void __launch_bounds__(256) resample(const ResampleParameters p) {
  __shared__ struct {
    Box box;
    int32_t first, count;
    int64_t start;
  } block;
  const ResamplingPlan& plan = p.plan;
  const int64_t n = blockIdx.x / plan.out_h;
  const auto row = static_cast<int32_t>(blockIdx.x % plan.out_h);
  const int32_t* windows = p.windows + n * plan.windows_stride;
  const float* weights = p.weights + n * plan.weights_stride;
  if (threadIdx.x == 0) {
    block.box = box_of(plan, p.box, n);
    block.first = windows[row], block.count = windows[plan.out_h + row];
    block.start = p.x.start_of(n);
  }
  __syncthreads();
  const Box box = block.box;
  const int32_t c = p.x.c, width = box.w * c, rows = block.count;
  const Line line =
      line_of_block(p.lines, int64_t{plan.in_w} * c, weights + int64_t{row} * plan.taps_h, rows);
  __syncthreads();
  const int64_t pitch = int64_t{plan.in_w} * c;
  const int64_t corner = block.start + (box.top + block.first) * pitch + int64_t{box.left} * c;
  for (int32_t i = threadIdx.x; i < width; i += 256) {
    float sum = 0;
    for (int32_t j = 0; j < rows; ++j) sum += line.down[j] * p.x.raw(corner + j * pitch + i);
    line.values[i] = p.x.divided(sum);
  }
  __syncthreads();
  const int32_t* first = windows + 2 * plan.out_h;
  const int32_t* count = first + plan.out_w;
  const float* across = weights + int64_t{plan.out_h} * plan.taps_h;
  float* y = p.y + int64_t{blockIdx.x} * plan.out_w * c;
  for (int32_t i = threadIdx.x; i < plan.out_w * c; i += 256) {
    const int32_t column = i / c;
    const float* window = line.values + first[column] * c + (i - column * c);
    const float* own = across + int64_t{column} * plan.taps_w;
    float sum = 0;
    for (int32_t j = 0; j < count[column]; ++j) sum += own[j] * window[j * c];
    y[i] = sum;
  }
}

extern "C" __global__ void __launch_bounds__(256) blur(const BlurParameters p) {
  __shared__ int64_t block_start;
  __shared__ bool block_applied;
  const int64_t n = blockIdx.x / p.x.h;
  const auto row = static_cast<int32_t>(blockIdx.x % p.x.h);
  if (threadIdx.x == 0) block_start = p.x.start_of(n), block_applied = p.applied.of(n)[0] != 0;
  __syncthreads();
  const int64_t start = block_start;
  const int32_t c = p.x.c, width = p.x.w * c;
  float* y = p.y + int64_t{blockIdx.x} * width;
  if (!block_applied) {
    for (int32_t i = threadIdx.x; i < width; i += 256) y[i] = p.x.value(start + int64_t{row} * width + i);
    return;
  }
  const float* weights = p.weights + n * p.weights_stride;
  const int32_t taps = p.down + p.across;
  const Line line = line_of_block(p.lines, width, weights, taps);
  __syncthreads();
  for (int32_t i = threadIdx.x; i < width; i += 256) {
    float sum = 0;
    for (int32_t j = 0; j < p.down; ++j) {
      const int64_t from = data::reflect(row + j - p.down / 2, p.x.h);
      sum += line.down[j] * p.x.raw(start + from * width + i);
    }
    line.values[i] = p.x.divided(sum);
  }
  __syncthreads();
  const float* across = line.down + p.down;
  for (int32_t i = threadIdx.x; i < width; i += 256) {
    const int32_t column = i / c, channel = i - column * c;
    float sum = 0;
    for (int32_t j = 0; j < p.across; ++j) {
      const auto from = static_cast<int32_t>(data::reflect(column + j - p.across / 2, p.x.w));
      sum += across[j] * line.values[from * c + channel];
    }
    y[i] = sum;
  }
}
