// Every thread arrives at a cuda::barrier, and reads another warp's value without waiting for the phase.
#include <cuda_runtime.h>
#include <cuda/barrier>

using Barrier = cuda::barrier<cuda::thread_scope_block>;

extern "C" __global__ void kernel(const int* x, int* y) {
  __shared__ alignas(Barrier) unsigned char memory[sizeof(Barrier)];
  __shared__ int values[128];
  Barrier& barrier = *reinterpret_cast<Barrier*>(memory);
  if (threadIdx.x == 0) init(&barrier, 128);
  __syncthreads();
  values[threadIdx.x] = x[threadIdx.x];  // FAULT
  static_cast<void>(barrier.arrive());
  y[threadIdx.x] = values[(threadIdx.x + 37) % 128];  // FAULT
}
