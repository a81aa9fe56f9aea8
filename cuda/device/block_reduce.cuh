// Sums and extremes over the threads of a block in a fixed order: each warp by shuffles, then the warps'
// results by shuffles.
#pragma once

#include "device/warp_reduce.cuh"

/// Combines the values of all kThreads threads of a one-dimensional block; every thread gets the result. All
/// threads must come here; may be called again at once. kThreads: a power of two, 32 to 1024.
template <int kThreads, class T, class Combine>
__device__ inline T block_reduce(T value, Combine combine) {
  constexpr int kWarps = kThreads / 32;
  static_assert(kWarps * 32 == kThreads && kWarps <= 32 && (kWarps & (kWarps - 1)) == 0);
  __shared__ T of_warp[kWarps];
  value = warp_reduce(value, combine);
  __syncthreads();  // an earlier call's results have been read
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  return warp_reduce(of_warp[threadIdx.x % kWarps], combine, kWarps);
}

template <int kThreads, class T>
__device__ inline T block_sum(T value) {
  return block_reduce<kThreads>(value, Plus{});
}
