// Kernels whose order only streams and events give: a chain over four streams, and independent work beside
// it.
//
// Proves stream order, waits on events, queries, host functions in a stream, and the times of events.
#include <cuda_runtime.h>

extern "C" __global__ void affine(const unsigned* x, unsigned* y, int count, unsigned scale, unsigned shift) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    y[i] = x[i] * scale + shift;
  }
}
