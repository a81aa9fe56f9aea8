// A buffer read through the non-coherent path and written in the same launch.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(int* x, int* y) {
  int before;
  asm volatile("ld.global.nc.s32 %0, [%1];" : "=r"(before) : "l"(x + threadIdx.x));  // FAULT
  x[threadIdx.x] = before + 1;                                                       // FAULT
  y[threadIdx.x] = before;
}
