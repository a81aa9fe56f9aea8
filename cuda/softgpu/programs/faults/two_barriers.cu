// The two arms of a branch each have a barrier: warps meet at two different ones.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(int* y) {
  __shared__ int values[64];
  if (threadIdx.x < 32) {
    values[threadIdx.x] = 3;
    __syncthreads();  // FAULT
    y[threadIdx.x] = values[63 - threadIdx.x];
  } else {
    values[threadIdx.x] = 5;
    __syncthreads();  // FAULT
    y[threadIdx.x] = values[63 - threadIdx.x] + 1;
  }
}
