// reduce_extreme_backward: dx = dy over the number of ties where x equals y, else 0, for x [outer, extent,
// inner] and y, dy [outer, inner]. NaN equals NaN.
//
// reduce_sum.cu counts the ties and makes the share of each, `share` [outer, inner]; then this hands it out,
// a thread an element.
//
// Variants: one.
// Bytes: those of reduce_sum.cu; 4 outer inner for dy, and 4 for every thread and output of its first pass
// (y, from cache but for the first); then 16 an element, of which y and the share come from cache.
// FLOPs: none. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel reduce_extreme_backward
#include "kernels/reduce/reduce.h"

namespace {

// A quotient of 64-bit numbers takes some hundred instructions.
__device__ int64_t divide(int64_t a, int64_t b, bool narrow) {
  return narrow ? int64_t{static_cast<uint32_t>(a) / static_cast<uint32_t>(b)} : a / b;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) hand_out(const ExtremeBackwardParameters p) {
  const int64_t i = int64_t{blockIdx.x} * ExtremeBackwardParameters::kThreads + threadIdx.x;
  if (i >= p.count) return;
  const bool narrow = p.count >> 32 == 0;
  const int64_t row = divide(i, p.inner, narrow), outer = divide(row, p.extent, narrow);
  const int64_t at = outer * p.inner + (i - row * p.inner);
  const float x = p.x[i], y = p.y[at], share = p.share[at];
  p.dx[i] = x == y || (x != x && y != y) ? share : 0.0f;
}
