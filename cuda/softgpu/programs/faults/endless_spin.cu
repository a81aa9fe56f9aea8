// Waits for a flag that nobody raises.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(volatile int* flag, int* y) {
  while (*flag == 0) {  // FAULT
  }
  y[threadIdx.x] = 1;
}
