// Tensor-core GEMM in tf32: C = A B with f32 in memory, rounded by cvt.rna.tf32 as fragments are read.
//
// 64 x 64 results a block of four warps; mma.m16n8k8 with fragments read element by element. Proves the
// layouts of tf32 fragments and their rounding.
#include "async_copy.cuh"

namespace {

constexpr int kM = 64, kN = 64, kK = 16, kThreads = 128;

struct Tiles {
  float a[kM][kK + 4];
  float b[kK][kN + 8];
};

__device__ int present_bytes(int at, int length) { return 4 * min(max(length - at, 0), 4); }

__device__ void stage(Tiles& tiles, const float* a, const float* b, int m, int n, int k, int lda, int ldb,
                      int row, int column, int i) {
  for (int e = threadIdx.x; e < kM * kK / 4; e += kThreads) {
    const int r = e / (kK / 4), c = e % (kK / 4) * 4;
    const int bytes = row + r < m ? present_bytes(i + c, k) : 0;
    copy_async<16>(&tiles.a[r][c], bytes > 0 ? a + static_cast<size_t>(row + r) * lda + i + c : a, bytes);
  }
  for (int e = threadIdx.x; e < kK * kN / 4; e += kThreads) {
    const int r = e / (kN / 4), c = e % (kN / 4) * 4;
    const int bytes = i + r < k ? present_bytes(column + c, n) : 0;
    copy_async<16>(&tiles.b[r][c], bytes > 0 ? b + static_cast<size_t>(i + r) * ldb + column + c : b, bytes);
  }
  commit_copies();
}

__device__ unsigned tf32(float value) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

__device__ void multiply(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads)
    gemm(const float* a, const float* b, float* c, int m, int n, int k, int lda, int ldb) {
  __shared__ __align__(16) Tiles tiles[2];
  const int row = blockIdx.y * kM, column = blockIdx.x * kN;
  const int g = threadIdx.x % 32 / 4, q = threadIdx.x % 4, warp = threadIdx.x / 32;
  const int warp_row = warp / 2 * 32, warp_column = warp % 2 * 32;
  float sums[2][4][4] = {};

  stage(tiles[0], a, b, m, n, k, lda, ldb, row, column, 0);
  for (int i = 0, current = 0; i < k; i += kK, current ^= 1) {
    if (i + kK < k) stage(tiles[current ^ 1], a, b, m, n, k, lda, ldb, row, column, i + kK);
    if (i + kK < k) {
      wait_copies<1>();
    } else {
      asm volatile("cp.async.wait_all;" ::: "memory");
    }
    __syncthreads();
    const Tiles& tile = tiles[current];
#pragma unroll
    for (int e = 0; e < kK; e += 8) {
      unsigned x[2][4], y[4][2];
#pragma unroll
      for (int t = 0; t < 2; ++t) {
#pragma unroll
        for (int r = 0; r < 4; ++r) {
          x[t][r] = tf32(tile.a[warp_row + 16 * t + g + 8 * (r % 2)][e + q + 4 * (r / 2)]);
        }
      }
#pragma unroll
      for (int s = 0; s < 4; ++s) {
#pragma unroll
        for (int r = 0; r < 2; ++r) y[s][r] = tf32(tile.b[e + q + 4 * r][warp_column + 8 * s + g]);
      }
#pragma unroll
      for (int t = 0; t < 2; ++t) {
#pragma unroll
        for (int s = 0; s < 4; ++s) multiply(sums[t][s], x[t], y[s]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int t = 0; t < 2; ++t) {
#pragma unroll
    for (int s = 0; s < 4; ++s) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int y = row + warp_row + 16 * t + g + 8 * (e / 2),
                  x = column + warp_column + 8 * s + 2 * q + e % 2;
        if (y < m && x < n) c[static_cast<size_t>(y) * n + x] = sums[t][s][e];
      }
    }
  }
}
