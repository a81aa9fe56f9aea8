// column_sum: y[c] = sum over rows of x[row, c], f32; bias gradients, and the partial sums of wgrad.
//
// Variants: one; four columns a thread by 16-byte loads where the columns come in fours. A block has `across`
// threads side by side and the others below each other; each adds every so many rows of the block's chunk in
// order, then the block adds its threads in a tree. Two levels: chunks of rows to partial sums in the
// workspace, and those in one chunk; a single launch where one chunk is enough. Bytes: 4 columns (rows + 2
// chunks + 1), without the partial sums 4 columns (rows + 1). FLOPs: rows columns. Roofline: memory. Bench:
// lapidary bench --device cuda --kernel column_sum
#include "kernels/gemm/column_sum.h"

#include "device/float4.cuh"

namespace {

template <int Width>
__device__ void sum_columns(const ColumnSumParameters& p, float (&shared)[Width][kColumnSumThreads]) {
  const int thread = static_cast<int>(threadIdx.x), down = kColumnSumThreads / p.across;
  const int64_t chunk = blockIdx.x / p.column_blocks;
  const int64_t column = (blockIdx.x % p.column_blocks * p.across + thread % p.across) * Width;
  const int64_t first = chunk * p.chunk_rows;
  const int64_t end = first + p.chunk_rows < p.rows ? first + p.chunk_rows : p.rows;
  float sums[Width] = {};
  if (column < p.columns) {
#pragma unroll 4
    for (int64_t row = first + thread / p.across; row < end; row += down) {
      const float* x = p.x + row * p.columns + column;
      if constexpr (Width == 4) {
        const float4 four = load4(x);
        sums[0] += four.x, sums[1] += four.y, sums[2] += four.z, sums[3] += four.w;
      } else {
        sums[0] += *x;
      }
    }
  }
#pragma unroll
  for (int j = 0; j < Width; ++j) shared[j][thread] = sums[j];
  __syncthreads();
  for (int half = down / 2; half > 0; half /= 2) {
    if (thread < half * p.across) {
#pragma unroll
      for (int j = 0; j < Width; ++j) shared[j][thread] += shared[j][thread + half * p.across];
    }
    __syncthreads();
  }
  if (thread < p.across && column < p.columns) {
    float* y = p.y + chunk * p.columns + column;
    if constexpr (Width == 4)
      store4(y, make_float4(shared[0][thread], shared[1][thread], shared[2][thread], shared[3][thread]));
    else
      *y = shared[0][thread];
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kColumnSumThreads) column_sum(const ColumnSumParameters p) {
  __shared__ float shared[4][kColumnSumThreads];
  if (p.wide)
    sum_columns<4>(p, shared);
  else
    sum_columns<1>(p, reinterpret_cast<float(&)[1][kColumnSumThreads]>(shared));
}
