// Half of the block waits at the block's barrier, the other half at a named one for threads that never come.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(int* y) {
  __shared__ int value;
  if (threadIdx.x < 32) {
    value = 1;
    __syncthreads();  // FAULT
  } else {
    asm volatile("bar.sync 1, 96;" ::: "memory");  // FAULT
  }
  y[threadIdx.x] = value;
}
