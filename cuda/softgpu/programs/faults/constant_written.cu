// A store to constant memory, whose address the host took from the module.
#include <cuda_runtime.h>

extern "C" {
__constant__ int table[32];
}

extern "C" __global__ void kernel(int* address, int* y) {
  address[threadIdx.x] = 1;  // FAULT
  y[threadIdx.x] = table[31 - threadIdx.x];
}
