// Odd lanes wait at one barrier, even lanes of the same warp at the next.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(int* y) {
  __shared__ int values[64];
  values[threadIdx.x] = 1;
  if (threadIdx.x % 2 == 1) {
    __syncthreads();  // FAULT
    values[threadIdx.x] += values[threadIdx.x - 1];
  }
  __syncthreads();  // FAULT
  y[threadIdx.x] = values[63 - threadIdx.x];
}
