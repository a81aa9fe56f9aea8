// printf from the device: strings, integers, doubles and pointers, from some lanes of a warp.
//
// Proves vprintf with a buffer of arguments in local memory.
#include <cuda_runtime.h>
#include <cstdio>

extern "C" __global__ void report(const int* x, const double* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count || x[i] % 10 != 0) return;
  printf("%s %d: %5d %+.3f %c %llu %%\n", "value", i, x[i], y[i], 'a' + i % 26,
         static_cast<unsigned long long>(i) << 40);
}
