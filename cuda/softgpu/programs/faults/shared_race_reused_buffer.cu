// A shared tile is filled again in a loop while other warps may still read it: the second barrier is missing.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ int tile[128];
  int sum = 0;
  for (int i = 0; i < 3; ++i) {
    tile[threadIdx.x] = x[i * 128 + threadIdx.x];  // FAULT
    __syncthreads();
    sum += tile[127 - threadIdx.x];  // FAULT
  }
  y[threadIdx.x] = sum;
}
