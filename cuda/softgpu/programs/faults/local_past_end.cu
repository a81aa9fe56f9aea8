// A stack in local memory that overflows by one.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y, int count) {
  int stack[8];
  for (int i = 0; i < count; ++i) {
    stack[x[i] % 16] = i;  // FAULT
  }
  y[threadIdx.x] = stack[x[0] % 8];
}
