// Two groups under way; the wait covers the older one, the newer one's data is read.
#include "../async_copy.cuh"

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ int values[2][32];
  copy_async<4>(&values[0][threadIdx.x], x + threadIdx.x, 4);
  commit_copies();
  copy_async<4>(&values[1][threadIdx.x], x + 32 + threadIdx.x, 4);
  commit_copies();
  wait_copies<1>();
  const int older = values[0][threadIdx.x];
  y[threadIdx.x] = older + values[1][threadIdx.x];  // FAULT
  wait_copies<0>();
}
