// Bitonic sort of blocks of 1024 floats in shared memory, and of 32 values in the registers of a warp.
//
// Proves compare-and-swap networks: divergent exchanges between barriers, shfl.bfly, and min/max of floats
// with -0 and infinities.
#include <cuda_runtime.h>

extern "C" __global__ void sort_block(float* x) {
  __shared__ float values[1024];
  float* segment = x + static_cast<size_t>(blockIdx.x) * 1024;
  for (int i = threadIdx.x; i < 1024; i += blockDim.x) values[i] = segment[i];
  for (int size = 2; size <= 1024; size *= 2) {
    for (int stride = size / 2; stride > 0; stride /= 2) {
      __syncthreads();
      for (int pair = threadIdx.x; pair < 512; pair += blockDim.x) {
        const int low = 2 * pair - (pair & (stride - 1)), high = low + stride;
        const bool ascending = (low & size) == 0;
        const float a = values[low], b = values[high];
        if ((a > b) == ascending) {
          values[low] = b;
          values[high] = a;
        }
      }
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 1024; i += blockDim.x) segment[i] = values[i];
}

extern "C" __global__ void sort_warp(float* x) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x % 32;
  float value = x[i];
  for (int size = 2; size <= 32; size *= 2) {
    for (int stride = size / 2; stride > 0; stride /= 2) {
      const float other = __shfl_xor_sync(0xffffffffu, value, stride);
      const bool lower = (lane & stride) == 0, ascending = (lane & size) == 0;
      value = lower == ascending ? fminf(value, other) : fmaxf(value, other);
    }
  }
  x[i] = value;
}
