// A loop that reads one element too many.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const int* x, int* y, int count) {
  int sum = 0;
  for (int i = threadIdx.x; i <= count; i += blockDim.x) {
    sum += x[i];  // FAULT
  }
  y[threadIdx.x] = sum;
}
