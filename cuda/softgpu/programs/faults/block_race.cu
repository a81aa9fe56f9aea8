// Every block stores to one word.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(int* y) {
  if (threadIdx.x == 0) *y = static_cast<int>(blockIdx.x);  // FAULT
}
