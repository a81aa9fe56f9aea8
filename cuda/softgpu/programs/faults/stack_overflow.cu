// Recursion without an end.
#include <cuda_runtime.h>

__device__ __noinline__ int descend(const int* x, int depth) {
  int frame[16];
  for (int i = 0; i < 16; ++i) frame[i] = x[(depth + i) % 32];
  const int below = depth < 0 ? 0 : descend(x, depth + 1);  // FAULT
  return below + frame[below & 15];
}

extern "C" __global__ void kernel(const int* x, int* y) { y[threadIdx.x] = descend(x, x[threadIdx.x] & 1); }
