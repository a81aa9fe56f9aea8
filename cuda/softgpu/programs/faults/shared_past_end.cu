// One word past the dynamic shared memory that the launch gave.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(int* y) {
  extern __shared__ int values[];
  values[threadIdx.x] = threadIdx.x;
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x + 1];  // FAULT
}
