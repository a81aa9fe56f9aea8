// Variables of a module: __constant__ tables, __device__ arrays with initialisers, pointers to other
// variables, and what no initialiser names, which is zero.
//
// Proves constant memory, cuModuleGetGlobal in both directions, and initialisers with addresses. Compiled to
// a fatbin with uncompressed PTX.

// nvcc: -fatbin
#include <cuda_runtime.h>

extern "C" {

__constant__ float coefficients[6] = {1, -0.5f, 0.25f};
__constant__ struct {
  int stride;
  unsigned char permutation[16];
} layout = {3, {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}};
__device__ int values[64] = {7, 11, 13};
__device__ int* middle = values + 32;
__device__ unsigned long long launches;
__device__ double pi = 3.141592653589793;
__device__ char message[] = "softgpu";

__global__ void evaluate(const float* x, float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i == 0) launches += 1;
  if (i >= count) return;
  float sum = 0;
  for (int degree = 5; degree >= 0; --degree) sum = fmaf(sum, x[i], coefficients[degree]);
  y[i] = sum;
}

__global__ void permute() {
  const int i = threadIdx.x;
  middle[i * layout.stride % 16] =
      values[layout.permutation[i]] + message[i % 8] + static_cast<int>(pi * 1000);
}
}
