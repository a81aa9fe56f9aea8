// A buffer that the host has freed.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  y[threadIdx.x] = x[threadIdx.x];  // FAULT
}
