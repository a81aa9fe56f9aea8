// The destination of a copy under way is written by an ordinary store.
#include "../async_copy.cuh"

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ int values[32];
  copy_async<4>(&values[threadIdx.x], x + threadIdx.x, 4);
  commit_copies();
  values[threadIdx.x] = 0;  // FAULT
  wait_copies<0>();
  y[threadIdx.x] = values[threadIdx.x];
}
