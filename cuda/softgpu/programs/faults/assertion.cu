// An assertion that fails in one thread.
#include <cuda_runtime.h>
#include <cassert>

extern "C" __global__ void kernel(const int* x, int* y) {
  assert(x[threadIdx.x] != 3);  // FAULT
  y[threadIdx.x] = 1;
}
