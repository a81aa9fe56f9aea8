// A buffer fresh from the allocator is read and its values stored.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  y[threadIdx.x] = x[threadIdx.x] + 1;  // FAULT
}
