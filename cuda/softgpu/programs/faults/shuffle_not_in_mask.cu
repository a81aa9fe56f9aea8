// A lane executes a shuffle whose mask does not name it.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  int value = x[threadIdx.x];
  asm volatile("shfl.sync.bfly.b32 %0, %0, 1, 31, 0x0fffffff;" : "+r"(value));  // FAULT
  y[threadIdx.x] = value;
}
