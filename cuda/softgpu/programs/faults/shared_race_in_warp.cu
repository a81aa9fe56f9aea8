// A sum in shared memory by lanes of one warp that rely on lock step: __syncwarp is missing.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ int values[64];
  values[threadIdx.x] = x[threadIdx.x];
  values[threadIdx.x + 32] = 0;
  __syncthreads();
  for (int offset = 16; offset > 0; offset /= 2) {
    values[threadIdx.x] += values[threadIdx.x + offset];  // FAULT
  }
  y[threadIdx.x] = values[0];  // FAULT
}
