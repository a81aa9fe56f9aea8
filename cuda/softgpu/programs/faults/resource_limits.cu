// Kernels that are right in themselves, for launches that ask for more than the architecture has.
#include <cuda_runtime.h>

extern "C" __global__ void small(int* y) {
  extern __shared__ int values[];
  if (threadIdx.x == 0 && blockIdx.x == 0 && blockIdx.y == 0) {
    values[0] = 1;
    y[0] = values[0];
  }
}

// About 120 values live at once.
extern "C" __global__ void hungry(const float* x, float* y) {
  float values[120];
#pragma unroll
  for (int i = 0; i < 120; ++i) values[i] = x[i * 1024 + threadIdx.x];
#pragma unroll 1
  for (int round = 0; round < 3; ++round) {
#pragma unroll
    for (int i = 0; i < 120; ++i) values[i] = values[i] * values[(i + 41) % 120] + values[(i + 7) % 120];
  }
#pragma unroll
  for (int i = 0; i < 120; ++i) y[i * 1024 + threadIdx.x] = values[i];
}
