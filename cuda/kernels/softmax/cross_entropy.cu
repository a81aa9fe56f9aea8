// cross_entropy_forward and cross_entropy_backward: with target = (1 - s) one_hot(label) + s / classes,
//   loss = log_sum_exp - sum of target logit,  dlogits = (softmax - target) dloss (/ rows of a mean),
// rows of [rows, classes]; the mean is a reduction of the rows' losses (reduce/reduce_sum.cu).
//
// Every term of a loss is at least 0, so nothing cancels: with d = logit - maximum,
//   loss = log(sum of exp(d)) - (1 - s) d[label] - s / classes sum of d.
// The label's own gradient, exp(logit - log_sum_exp) - 1 + s - s / classes, is made by expm1: for a confident
// right answer it keeps its digits.
//
// Variants
//   warp_rows   forward, up to 1,024 classes: a row in the registers of a warp, or of a part of it.
//   block_rows  forward: a block a row, maximum and sum in one pass, with smoothing the sum of d in another.
//   threads     backward: a power of two of threads a row, about 4 elements a thread, a block at most.
//
// Bytes: forward 4 rows (classes + 4), in blocks with smoothing 4 rows (2 classes + 4), and what the mean
// moves; backward 8 an element, and 12 a thread (from cache but for the first of a row).
// FLOPs: about 20 an element. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel cross_entropy_forward
#include "kernels/softmax/cross_entropy.h"

#include "device/block_reduce.cuh"
#include "device/exponentials.cuh"
#include "device/fault.cuh"
#include "device/row_in_lanes.cuh"

namespace {

constexpr int kBlock = 256;

// Of one row, by one thread. `deviations` is the sum of d.
__device__ void finish(const CrossEntropyForwardParameters& p, int64_t row, float most, float ones,
                       float rest, float deviations) {
  // inf - inf: of an infinite maximum nothing is known.
  const float logarithm = log_of_sum(ones, rest) + (most - most);
  p.log_sum_exp[row] = most + logarithm;
  const int32_t label = p.labels[row];
  float loss = 0;
  if (label >= 0 && label < p.classes) {
    loss = logarithm - (1 - p.smoothing) * (p.logits[row * p.classes + label] - most);
    if (p.smoothing != 0) loss -= p.smoothing * deviations / static_cast<float>(p.classes);
  } else {
    report_fault(p.fault, static_cast<uint32_t>(row), label);
  }
  p.losses[row] = loss;
}

template <int kMost>
__device__ void forward_in_warp(const CrossEntropyForwardParameters& p) {
  const LaneRow place(p.rows, p.lanes);
  const int classes = static_cast<int>(p.classes);
  const float* x = p.logits + place.row * p.classes;
  float values[kMost], most = -INFINITY, ones = 0, rest = 0, deviations = 0;
  for_elements<kMost>(place, classes, [&](int c, int i) { most = fmaxf(most, values[i] = x[c]); });
  most = warp_reduce(most, Larger{}, place.lanes);
  for_elements<kMost>(place, classes, [&](int, int i) {
    const float deviation = values[i] - most;
    if (deviation == 0)
      ones += 1;
    else
      rest += expf(deviation);
    deviations += deviation;
  });
  ones = warp_reduce(ones, Plus{}, place.lanes);
  rest = warp_reduce(rest, Plus{}, place.lanes);
  deviations = warp_reduce(deviations, Plus{}, place.lanes);
  if (place.inside && place.lane == 0) finish(p, place.row, most, ones, rest, deviations);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(128)
    cross_entropy_warp_1(const CrossEntropyForwardParameters p) {
  forward_in_warp<1>(p);
}
extern "C" __global__ void __launch_bounds__(128)
    cross_entropy_warp_8(const CrossEntropyForwardParameters p) {
  forward_in_warp<8>(p);
}
extern "C" __global__ void __launch_bounds__(128)
    cross_entropy_warp_32(const CrossEntropyForwardParameters p) {
  forward_in_warp<32>(p);
}

extern "C" __global__ void __launch_bounds__(256) cross_entropy_block(const CrossEntropyForwardParameters p) {
  const int64_t row = blockIdx.x;
  const float* x = p.logits + row * p.classes;
  Exponentials mine;
  for (int64_t c = threadIdx.x; c < p.classes; c += kBlock) mine.add(x[c]);
  const float most = block_reduce<kBlock>(mine.most, Larger{});
  mine.relate(most);
  const float ones = block_sum<kBlock>(mine.ones), rest = block_sum<kBlock>(mine.rest);
  float deviations = 0;
  if (p.smoothing != 0) {
    for (int64_t c = threadIdx.x; c < p.classes; c += kBlock) deviations += x[c] - most;
    deviations = block_sum<kBlock>(deviations);
  }
  if (threadIdx.x == 0) finish(p, row, most, ones, rest, deviations);
}

extern "C" __global__ void __launch_bounds__(256)
    cross_entropy_backward(const CrossEntropyBackwardParameters p) {
  const unsigned threads = p.threads, first = threadIdx.x % threads;
  const int64_t row = int64_t{blockIdx.x} * (kBlock / threads) + threadIdx.x / threads;
  if (row >= p.rows) return;
  const int32_t label = p.labels[row];
  if (first == 0 && (label < 0 || label >= p.classes))
    report_fault(p.fault, static_cast<uint32_t>(row), label);
  const float log_sum_exp = p.log_sum_exp[row], floor = p.smoothing / static_cast<float>(p.classes);
  const float dloss = p.mean ? p.dloss[0] / static_cast<float>(p.rows) : p.dloss[row];
  const float* logits = p.logits + row * p.classes;
  float* dlogits = p.dlogits + row * p.classes;
#pragma unroll 4
  for (int64_t c = first; c < p.classes; c += threads) {
    const float x = logits[c] - log_sum_exp;
    const float difference = c == label ? expm1f(x) + (p.smoothing - floor) : expf(x) - floor;
    dlogits[c] = difference * dloss;
  }
}
