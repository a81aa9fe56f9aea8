// One element past a __device__ array whose neighbour in memory is another variable.
#include <cuda_runtime.h>

extern "C" {
__device__ int first[33];
__device__ int second[33];
}

extern "C" __global__ void kernel(int* y, int offset) {
  second[threadIdx.x] = 1;
  y[threadIdx.x] = first[threadIdx.x + offset];  // FAULT
}
