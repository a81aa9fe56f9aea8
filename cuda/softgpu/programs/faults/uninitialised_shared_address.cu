// A table of indices of which one entry was never written.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ unsigned index[32];
  if (threadIdx.x != 7) index[threadIdx.x] = 31 - threadIdx.x;
  __syncthreads();
  y[threadIdx.x] = x[index[threadIdx.x] % 32];  // FAULT
}
