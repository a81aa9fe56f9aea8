// Softmax of rows: a warp a row with values in registers, and a block a row with the running maximum and sum
// of Milakov and Gimelshein (2018).
//
// Proves expf and its ex2.approx, infinities as neutral elements and as masked inputs, and early exit of
// whole warps.
#include <cuda_runtime.h>

// At most 32 * 8 columns; blocks of (32, rows).
extern "C" __global__ void softmax_warp(const float* x, float* y, int rows, int columns) {
  const int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
  if (row >= rows) return;
  x += static_cast<size_t>(row) * columns;
  y += static_cast<size_t>(row) * columns;
  float values[8], most = -INFINITY, sum = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int column = lane + 32 * i;
    values[i] = column < columns ? x[column] : -INFINITY;
    most = fmaxf(most, values[i]);
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2)
    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, offset));
#pragma unroll
  for (int i = 0; i < 8; ++i) sum += values[i] = expf(values[i] - most);
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    if (lane + 32 * i < columns) y[lane + 32 * i] = values[i] / sum;
  }
}

namespace {

struct Running {
  float most, sum;  ///< sum of exp(x - most)
};

__device__ Running merge(Running a, Running b) {
  const float most = fmaxf(a.most, b.most);
  if (most == -INFINITY) return {most, 0};
  return {most, a.sum * expf(a.most - most) + b.sum * expf(b.most - most)};
}

}  // namespace

extern "C" __global__ void softmax_block(const float* x, float* y, int columns) {
  __shared__ Running parts[32];
  x += static_cast<size_t>(blockIdx.x) * columns;
  y += static_cast<size_t>(blockIdx.x) * columns;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  Running total{-INFINITY, 0};
  for (int i = threadIdx.x; i < columns; i += blockDim.x) total = merge(total, {x[i], 1});
  for (int offset = 16; offset > 0; offset /= 2) {
    const Running other{__shfl_xor_sync(0xffffffffu, total.most, offset),
                        __shfl_xor_sync(0xffffffffu, total.sum, offset)};
    total = merge(total, other);
  }
  if (lane == 0) parts[warp] = total;
  __syncthreads();
  total = parts[0];
  for (int i = 1; i < warps; ++i) total = merge(total, parts[i]);
  for (int i = threadIdx.x; i < columns; i += blockDim.x) y[i] = expf(x[i] - total.most) / total.sum;
}
