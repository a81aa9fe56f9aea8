// The guard returned some lanes before a shuffle whose mask still names all.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y, int count) {
  if (static_cast<int>(threadIdx.x) >= count) return;
  int value = x[threadIdx.x], other;
  asm volatile("shfl.sync.down.b32 %0, %1, 4, 31, 0xffffffff;" : "=r"(other) : "r"(value));  // FAULT
  y[threadIdx.x] = value + other;
}
