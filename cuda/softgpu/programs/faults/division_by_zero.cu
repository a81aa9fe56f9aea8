// Integer division by zero: hardware gives some number.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  y[threadIdx.x] = 1000 / x[threadIdx.x];  // FAULT
}
