// softmax_forward and softmax_backward over the rows of [rows, classes], with or without a logarithm.
//
// Variants
//   warp_rows   up to 1,024 classes: a row in the registers of a warp, or of a part of it, sums by shuffles.
//   block_rows  a block a row: forward makes maximum and sum in one pass, backward the sum, and a second pass
//               (from cache up to some 10,000 classes) the results.
// Both give every row the bits that it has alone.
//
// Bytes: forward 8 an element, backward 12; in blocks 12 and 20 (backward with a logarithm 16).
// FLOPs: about 20 an element. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel softmax_forward
#include "kernels/softmax/softmax.h"

#include "device/block_reduce.cuh"
#include "device/exponentials.cuh"
#include "device/row_in_lanes.cuh"

namespace {

constexpr int kBlock = 256;

__device__ float probability(float x, float most, float sum, bool logarithm) {
  return logarithm ? x - most - logf(sum) : expf(x - most) / sum;
}

// What the sum of backward is of.
__device__ float summand(float y, float dy, bool logarithm) { return logarithm ? dy : dy * y; }

__device__ float gradient(float y, float dy, float sum, bool logarithm) {
  return logarithm ? dy - expf(y) * sum : y * (dy - sum);
}

template <int kMost>
__device__ void forward_in_warp(const SoftmaxForwardParameters& p) {
  const LaneRow place(p.rows, p.lanes);
  const int classes = static_cast<int>(p.classes);
  const float* x = p.x + place.row * p.classes;
  float* y = p.y + place.row * p.classes;
  float values[kMost], most = -INFINITY, sum = 0;
#pragma unroll
  for (float& value : values) value = -INFINITY;  // adds nothing
  for_elements<kMost>(place, classes, [&](int c, int i) { most = fmaxf(most, values[i] = x[c]); });
  most = warp_reduce(most, Larger{}, place.lanes);
#pragma unroll
  for (int i = 0; i < kMost; ++i) {
    if (i * static_cast<int>(place.lanes) >= classes) break;
    const float deviation = values[i] - most, exponential = expf(deviation);
    sum += exponential;
    values[i] = p.logarithm ? deviation : exponential;
  }
  sum = warp_reduce(sum, Plus{}, place.lanes);
  const float logarithm = p.logarithm ? logf(sum) : 0.0f;
  for_elements<kMost>(place, classes,
                      [&](int c, int i) { y[c] = p.logarithm ? values[i] - logarithm : values[i] / sum; });
}

template <int kMost>
__device__ void backward_in_warp(const SoftmaxBackwardParameters& p) {
  const LaneRow place(p.rows, p.lanes);
  const int classes = static_cast<int>(p.classes);
  const int64_t first = place.row * p.classes;
  float y[kMost], dy[kMost], sum = 0;
  for_elements<kMost>(place, classes, [&](int c, int i) {
    y[i] = p.y[first + c], dy[i] = p.dy[first + c];
    sum += summand(y[i], dy[i], p.logarithm);
  });
  sum = warp_reduce(sum, Plus{}, place.lanes);
  for_elements<kMost>(place, classes,
                      [&](int c, int i) { p.dx[first + c] = gradient(y[i], dy[i], sum, p.logarithm); });
}

}  // namespace

extern "C" __global__ void __launch_bounds__(128) softmax_warp_1(const SoftmaxForwardParameters p) {
  forward_in_warp<1>(p);
}
extern "C" __global__ void __launch_bounds__(128) softmax_warp_8(const SoftmaxForwardParameters p) {
  forward_in_warp<8>(p);
}
extern "C" __global__ void __launch_bounds__(128) softmax_warp_32(const SoftmaxForwardParameters p) {
  forward_in_warp<32>(p);
}

extern "C" __global__ void __launch_bounds__(256) softmax_block(const SoftmaxForwardParameters p) {
  const float* x = p.x + int64_t{blockIdx.x} * p.classes;
  float* y = p.y + int64_t{blockIdx.x} * p.classes;
  Exponentials mine;
  for (int64_t c = threadIdx.x; c < p.classes; c += kBlock) mine.add(x[c]);
  const float most = block_reduce<kBlock>(mine.most, Larger{});
  mine.relate(most);
  const float sum = block_sum<kBlock>(mine.ones + mine.rest);
  for (int64_t c = threadIdx.x; c < p.classes; c += kBlock) y[c] = probability(x[c], most, sum, p.logarithm);
}

extern "C" __global__ void __launch_bounds__(128) softmax_backward_warp_1(const SoftmaxBackwardParameters p) {
  backward_in_warp<1>(p);
}
extern "C" __global__ void __launch_bounds__(128) softmax_backward_warp_8(const SoftmaxBackwardParameters p) {
  backward_in_warp<8>(p);
}
extern "C" __global__ void __launch_bounds__(128)
    softmax_backward_warp_32(const SoftmaxBackwardParameters p) {
  backward_in_warp<32>(p);
}

extern "C" __global__ void __launch_bounds__(256) softmax_backward_block(const SoftmaxBackwardParameters p) {
  const int64_t first = int64_t{blockIdx.x} * p.classes;
  float sum = 0;
  for (int64_t c = threadIdx.x; c < p.classes; c += kBlock) {
    const float y = p.logarithm ? 0.0f : p.y[first + c];
    sum += summand(y, p.dy[first + c], p.logarithm);
  }
  sum = block_sum<kBlock>(sum);
  for (int64_t c = threadIdx.x; c < p.classes; c += kBlock)
    p.dx[first + c] = gradient(p.y[first + c], p.dy[first + c], sum, p.logarithm);
}
