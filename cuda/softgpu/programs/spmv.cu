// Sparse matrix-vector product from compressed rows: a thread a row, and a warp a row; rows of very different
// length.
//
// Proves indirect loads, loops of data-dependent length, and ld.global.nc through __restrict__ and __ldg.
#include <cuda_runtime.h>

extern "C" __global__ void by_thread(const int* __restrict__ starts, const int* __restrict__ columns,
                                     const float* __restrict__ values, const float* __restrict__ x,
                                     float* __restrict__ y, int rows) {
  const int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  float sum = 0;
  for (int i = starts[row]; i < starts[row + 1]; ++i) sum += values[i] * x[columns[i]];
  y[row] = sum;
}

extern "C" __global__ void by_warp(const int* starts, const int* columns, const float* values, const float* x,
                                   float* y, int rows) {
  const int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  float sum = 0;
  for (int i = __ldg(starts + row) + lane; i < __ldg(starts + row + 1); i += 32) {
    sum += __ldcs(values + i) * __ldg(x + columns[i]);
  }
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(0xffffffffu, sum, offset);
  if (lane == 0) __stcs(y + row, sum);
}
