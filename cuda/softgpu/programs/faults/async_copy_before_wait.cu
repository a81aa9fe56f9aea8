// cp.async data read after the commit but before the wait.
#include "../async_copy.cuh"

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ int values[32];
  copy_async<4>(&values[threadIdx.x], x + threadIdx.x, 4);
  commit_copies();
  y[threadIdx.x] = values[threadIdx.x];  // FAULT
  wait_copies<0>();
}
