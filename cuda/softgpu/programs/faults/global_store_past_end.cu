// The guard lets one thread too many store.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(int* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= count) {
    y[i] = i;  // FAULT
  }
}
