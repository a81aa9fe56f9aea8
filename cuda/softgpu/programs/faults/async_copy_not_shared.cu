// Another thread's copy is read after the own wait but with no barrier: a wait covers the own copies only.
#include "../async_copy.cuh"

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ int values[64];
  copy_async<4>(&values[threadIdx.x], x + threadIdx.x, 4);
  commit_copies();
  wait_copies<0>();
  y[threadIdx.x] = values[63 - threadIdx.x];  // FAULT
}
