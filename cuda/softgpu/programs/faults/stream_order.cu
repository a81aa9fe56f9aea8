// Kernels for work on two streams that nothing orders.
#include <cuda_runtime.h>

extern "C" __global__ void produce(int* y) { y[threadIdx.x] = static_cast<int>(threadIdx.x); }

extern "C" __global__ void consume(const int* x, int* y) { y[threadIdx.x] = x[threadIdx.x] + 1; }
