// Statistics of what a block has computed, per channel: count, mean, and the sum of squares around the mean.
//
// Two passes over values that are still in registers, so nothing cancels. A block is (channel vectors,
// slices): each thread holds kValues values a channel of which `valid` count.
#pragma once

#include "device/floats.cuh"

/// Sums over threadIdx.y, in a tree of fixed shape; every thread gets the sum. `scratch`: blockDim.x *
/// blockDim.y * kWidth floats, free to use; all threads call.
template <int kWidth>
__device__ inline Floats<kWidth> sum_over_slices(Floats<kWidth> own, float* scratch) {
  const unsigned pitch = blockDim.x * kWidth;
  float* const at = scratch + threadIdx.y * pitch + threadIdx.x * kWidth;
  __syncthreads();
  own.store(at);
  unsigned half = 1;
  while (half < blockDim.y) half *= 2;
  for (half /= 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half && threadIdx.y + half < blockDim.y) {
      accumulate(own, Floats<kWidth>::load(at + half * pitch));
      own.store(at);
    }
  }
  __syncthreads();
  return Floats<kWidth>::load(scratch + threadIdx.x * kWidth);
}

/// Writes the triple of block `block` for the channels from `channel`, of `channels`: one plane each for
/// counts, means and squares. `valid` bit i: values[i] counts.
template <int kWidth, int kValues>
__device__ inline void store_statistics(const Floats<kWidth> (&values)[kValues], unsigned valid, float count,
                                        float* statistics, int64_t block, int64_t channels, int64_t channel,
                                        int width, float* scratch) {
  Floats<kWidth> sum = Floats<kWidth>::all(0);
#pragma unroll
  for (int i = 0; i < kValues; ++i)
    if (valid >> i & 1) accumulate(sum, values[i]);
  Floats<kWidth> mean = sum_over_slices(sum, scratch);
#pragma unroll
  for (int v = 0; v < kWidth; ++v) mean[v] /= count;
  Floats<kWidth> squares = Floats<kWidth>::all(0);
#pragma unroll
  for (int i = 0; i < kValues; ++i) {
    if (!(valid >> i & 1)) continue;
#pragma unroll
    for (int v = 0; v < kWidth; ++v) {
      const float distance = values[i][v] - mean[v];
      squares[v] = fmaf(distance, distance, squares[v]);
    }
  }
  squares = sum_over_slices(squares, scratch);
  if (threadIdx.y != 0) return;
  float* const to = statistics + block * 3 * channels + channel;
#pragma unroll
  for (int v = 0; v < kWidth; ++v) {
    if (v >= width) break;
    to[v] = count, to[channels + v] = mean[v], to[2 * channels + v] = squares[v];
  }
}
