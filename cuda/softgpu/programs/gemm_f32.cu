// C = A B in f32: a thread an element, and 64 x 64 tiles with 4 x 4 results a thread, double-buffered by
// cp.async.
//
// Proves cp.async groups that overlap with arithmetic, zero fill at the matrix's edges (no byte is read
// there), and the register-tiled inner loop that most of a network's time goes to.
#include "async_copy.cuh"

extern "C" __global__ void gemm_naive(const float* a, const float* b, float* c, int m, int n, int k) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  if (row >= m || column >= n) return;
  float sum = 0;
  for (int i = 0; i < k; ++i) sum += a[row * k + i] * b[i * n + column];
  c[row * n + column] = sum;
}

namespace {

constexpr int kM = 64, kN = 64, kK = 16, kThreads = 256;

struct Tiles {
  float a[kK][kM + 4];  // transposed: a thread's four rows are one vector
  float b[kK][kN];
};

__device__ void stage(Tiles& tiles, const float* a, const float* b, int m, int n, int k, int row, int column,
                      int i) {
  for (int e = threadIdx.x; e < kM * kK; e += kThreads) {
    const int r = e / kK, c = e % kK;
    const bool inside = row + r < m && i + c < k;
    copy_async<4>(&tiles.a[c][r], inside ? a + static_cast<size_t>(row + r) * k + i + c : a, inside ? 4 : 0);
  }
  for (int e = threadIdx.x; e < kK * kN; e += kThreads) {
    const int r = e / kN, c = e % kN;
    const bool inside = i + r < k && column + c < n;
    copy_async<4>(&tiles.b[r][c], inside ? b + static_cast<size_t>(i + r) * n + column + c : b,
                  inside ? 4 : 0);
  }
  commit_copies();
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads)
    gemm_tiled(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ __align__(16) Tiles tiles[2];
  const int row = blockIdx.y * kM, column = blockIdx.x * kN;
  const int thread_row = threadIdx.x / 16 * 4, thread_column = threadIdx.x % 16 * 4;
  float sums[4][4] = {};

  stage(tiles[0], a, b, m, n, k, row, column, 0);
  for (int i = 0, stage_index = 0; i < k; i += kK, stage_index ^= 1) {
    if (i + kK < k) {
      stage(tiles[stage_index ^ 1], a, b, m, n, k, row, column, i + kK);
      wait_copies<1>();
    } else {
      wait_copies<0>();
    }
    __syncthreads();
    const Tiles& tile = tiles[stage_index];
#pragma unroll
    for (int e = 0; e < kK; ++e) {
      const float4 x = *reinterpret_cast<const float4*>(&tile.a[e][thread_row]);
      const float4 y = *reinterpret_cast<const float4*>(&tile.b[e][thread_column]);
      const float xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
      for (int r = 0; r < 4; ++r) {
#pragma unroll
        for (int s = 0; s < 4; ++s) sums[r][s] += xs[r] * ys[s];
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < 4; ++r) {
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      const int y = row + thread_row + r, x = column + thread_column + s;
      if (y < m && x < n) c[static_cast<size_t>(y) * n + x] = sums[r][s];
    }
  }
}
