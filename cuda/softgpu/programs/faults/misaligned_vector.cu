// float4 at an address that is a multiple of 4 but not of 16.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const float* x, float4* y) {
  y[threadIdx.x] = reinterpret_cast<const float4*>(x + 1)[threadIdx.x];  // FAULT
}
