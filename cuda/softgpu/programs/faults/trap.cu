// A trap.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  if (x[threadIdx.x] == 3) {
    asm volatile("trap;");  // FAULT
  }
  y[threadIdx.x] = 1;
}
