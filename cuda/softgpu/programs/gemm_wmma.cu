// GEMM through nvcuda::wmma in f16, a warp for each 16 x 16 results; C starts from what it held.
//
// Proves wmma.load, wmma.mma and wmma.store on global and shared memory, in both layouts, and fragments
// touched as arrays.
#include <cuda_fp16.h>
#include <mma.h>

using namespace nvcuda;

// A row-major, B column-major; m, n and k are multiples of 16.
extern "C" __global__ void gemm(const half* a, const half* b, float* c, int m, int n, int k, float scale) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> x;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> y;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum, before;
  const int row = blockIdx.y * 16, column = (blockIdx.x * blockDim.x + threadIdx.x) / 32 * 16;
  if (column >= n) return;
  wmma::fill_fragment(sum, 0.0f);
  for (int i = 0; i < k; i += 16) {
    wmma::load_matrix_sync(x, a + row * k + i, k);
    wmma::load_matrix_sync(y, b + column * k + i, k);
    wmma::mma_sync(sum, x, y, sum);
  }
  wmma::load_matrix_sync(before, c + row * n + column, n, wmma::mem_row_major);
  for (int e = 0; e < sum.num_elements; ++e) sum.x[e] = scale * sum.x[e] + before.x[e];
  wmma::store_matrix_sync(c + row * n + column, sum, n, wmma::mem_row_major);
}

// The square of one 16 x 16 matrix, staged in shared memory; the result is stored transposed.
extern "C" __global__ void square(const half* a, float* c) {
  __shared__ __align__(32) half tile[16 * 24];
  for (int i = threadIdx.x; i < 256; i += 32) tile[i / 16 * 24 + i % 16] = a[i];
  __syncwarp();
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> x;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> y;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 1.0f);
  wmma::load_matrix_sync(x, tile, 24);
  wmma::load_matrix_sync(y, tile, 24);
  wmma::mma_sync(sum, x, y, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_col_major);
}
