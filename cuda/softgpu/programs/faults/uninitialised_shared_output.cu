// A shared array that half of the block fills; all of it goes out.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ int values[64];
  if (threadIdx.x < 32) values[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x] * 2 + 1;  // FAULT
}
