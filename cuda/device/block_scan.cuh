// Running sums over the threads of a block in their order.
#pragma once

#include <cstdint>

/// The sum of `value` over the threads up to and including this one, in a one-dimensional block; `total`
/// becomes the sum of all. T: int32_t or int64_t. All kThreads threads must come here; may be called again at
/// once.
template <int kThreads, class T>
__device__ inline T block_inclusive_scan(T value, T& total) {
  constexpr int kWarps = kThreads / 32;
  static_assert(kWarps * 32 == kThreads && kWarps <= 32);
  __shared__ T of_warp[kWarps];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  T sum = value;
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    const T before = __shfl_up_sync(0xffffffffu, sum, distance);
    if (lane >= distance) sum += before;
  }
  __syncthreads();  // an earlier call's results have been read
  if (lane == 31) of_warp[warp] = sum;
  __syncthreads();
  T before = 0;
  total = 0;
#pragma unroll
  for (int each = 0; each < kWarps; ++each) {
    if (each < warp) before += of_warp[each];
    total += of_warp[each];
  }
  return before + sum;
}
