// A shared flag that nobody sets in this launch decides a branch.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ int found;
  if (x[threadIdx.x] > 1000) found = x[threadIdx.x] % 2;
  __syncthreads();
  if (found == 1) {  // FAULT
    for (int i = 0; i < 3; ++i) y[threadIdx.x] = x[(threadIdx.x + i) % 32];
  } else {
    y[threadIdx.x] = 0;
  }
}
