// Dynamic shared memory above 48 KB, which a kernel must be allowed first: a histogram of pairs and an
// in-place transpose of a block's matrix, beside static shared memory.
//
// Proves cuFuncSetAttribute and the layout of static and dynamic shared memory.
#include <cuda_runtime.h>

// counts[a][b] of neighbours a, b below 142, then the number of all others.
extern "C" __global__ void pair_histogram(const unsigned char* x, int count, unsigned* counts) {
  extern __shared__ unsigned bins[];  // [142][142]
  __shared__ unsigned outside;
  if (threadIdx.x == 0) outside = 0;
  for (int i = threadIdx.x; i < 142 * 142; i += blockDim.x) bins[i] = 0;
  __syncthreads();
  for (int i = threadIdx.x; i + 1 < count; i += blockDim.x) {
    const unsigned a = x[i], b = x[i + 1];
    if (a < 142 && b < 142) {
      atomicAdd(&bins[a * 142 + b], 1u);
    } else {
      atomicAdd(&outside, 1u);
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 142 * 142; i += blockDim.x) counts[i] = bins[i];
  if (threadIdx.x == 0) counts[142 * 142] = outside;
}

extern "C" __global__ void transpose_in_place(float* x, int n) {
  extern __shared__ __align__(16) float matrix[];
  float* mine = x + static_cast<size_t>(blockIdx.x) * n * n;
  for (int i = threadIdx.x; i < n * n; i += blockDim.x) matrix[i] = mine[i];
  __syncthreads();
  for (int i = threadIdx.x; i < n * n; i += blockDim.x) mine[i] = matrix[i % n * n + i / n];
}
