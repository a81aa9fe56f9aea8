// A value passed through shared memory with no barrier between the store and another warp's load.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ int values[128];
  values[threadIdx.x] = x[threadIdx.x];               // FAULT
  y[threadIdx.x] = values[(threadIdx.x + 37) % 128];  // FAULT
}
