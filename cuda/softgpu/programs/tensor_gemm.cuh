// C (f32) = A B on tensor cores for 16-bit A and B, row-major with leading dimensions that are multiples
// of 8.
//
// 64 x 64 results a block, four warps of 32 x 32; tiles of 32 along k come by cp.async, double-buffered, rows
// padded by 16 bytes so that ldmatrix meets no bank conflict. `Multiply` issues one mma.m16n8k16.
#pragma once

#include "async_copy.cuh"

namespace tensor_gemm {

constexpr int kM = 64, kN = 64, kK = 32, kThreads = 128;

struct Tiles {
  unsigned short a[kM][kK + 8];
  unsigned short b[kK][kN + 8];
};

/// How many of 16 bytes at element `at` of a row of `length` 16-bit elements exist.
__device__ inline int present_bytes(int at, int length) { return 2 * min(max(length - at, 0), 8); }

__device__ inline void stage(Tiles& tiles, const unsigned short* a, const unsigned short* b, int m, int n,
                             int k, int lda, int ldb, int row, int column, int i) {
  for (int e = threadIdx.x; e < kM * kK / 8; e += kThreads) {
    const int r = e / (kK / 8), c = e % (kK / 8) * 8;
    const int bytes = row + r < m ? present_bytes(i + c, k) : 0;
    copy_async<16>(&tiles.a[r][c], bytes > 0 ? a + static_cast<size_t>(row + r) * lda + i + c : a, bytes);
  }
  for (int e = threadIdx.x; e < kK * kN / 8; e += kThreads) {
    const int r = e / (kN / 8), c = e % (kN / 8) * 8;
    const int bytes = i + r < k ? present_bytes(column + c, n) : 0;
    copy_async<16>(&tiles.b[r][c], bytes > 0 ? b + static_cast<size_t>(i + r) * ldb + column + c : b, bytes);
  }
  commit_copies();
}

template <class Multiply>
__device__ void gemm(const unsigned short* a, const unsigned short* b, float* c, int m, int n, int k, int lda,
                     int ldb) {
  __shared__ __align__(16) Tiles tiles[2];
  const int row = blockIdx.y * kM, column = blockIdx.x * kN;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_row = warp / 2 * 32, warp_column = warp % 2 * 32;
  float sums[2][4][4] = {};

  stage(tiles[0], a, b, m, n, k, lda, ldb, row, column, 0);
  for (int i = 0, current = 0; i < k; i += kK, current ^= 1) {
    if (i + kK < k) {
      stage(tiles[current ^ 1], a, b, m, n, k, lda, ldb, row, column, i + kK);
    } else {
      commit_copies();  // an empty group, so that the wait below is the same
    }
    wait_copies<1>();
    __syncthreads();
    const Tiles& tile = tiles[current];
#pragma unroll
    for (int e = 0; e < kK; e += 16) {
      unsigned x[2][4], y[2][4];
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        load_matrices(x[r], &tile.a[warp_row + 16 * r + lane % 16][e + lane / 16 * 8]);
        load_matrices_transposed(y[r], &tile.b[e + lane % 16][warp_column + 16 * r + lane / 16 * 8]);
      }
#pragma unroll
      for (int r = 0; r < 2; ++r) {
#pragma unroll
        for (int s = 0; s < 4; ++s)
          Multiply::run(sums[r][s], x[r], y[s / 2][s % 2 * 2], y[s / 2][s % 2 * 2 + 1]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
#pragma unroll
    for (int s = 0; s < 4; ++s) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int y = row + warp_row + 16 * r + lane / 4 + 8 * (e / 2);
        const int x = column + warp_column + 8 * s + lane % 4 * 2 + e % 2;
        if (y < m && x < n) c[static_cast<size_t>(y) * n + x] = sums[r][s][e];
      }
    }
  }
}

}  // namespace tensor_gemm
