// Lanes below 16 read from lanes that took the other arm of the branch, and whose bits the mask lacks.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  int value = x[threadIdx.x];
  if (threadIdx.x < 16) {
    asm volatile("shfl.sync.bfly.b32 %0, %0, 16, 31, 0x0000ffff;" : "+r"(value));  // FAULT
    value += 1;
  } else {
    value *= 3;
  }
  y[threadIdx.x] = value;
}
