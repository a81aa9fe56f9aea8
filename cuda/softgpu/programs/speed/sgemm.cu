// C = A B in f32, 128 x 128 tiles with 8 x 8 results a thread: the inner loop that softgpu's speed is
// measured on (64 fused multiply-adds to 4 vector loads from shared memory).
#include <cuda_runtime.h>

namespace {
constexpr int kTile = 128, kDepth = 8;
}

extern "C" __global__ void __launch_bounds__(256) sgemm(const float* a, const float* b, float* c, int n) {
  __shared__ __align__(16) float as[kDepth][kTile + 4], bs[kDepth][kTile + 4];
  const int t = threadIdx.x, tx = t % 16 * 4, ty = t / 16 * 4;
  const int row = blockIdx.y * kTile, column = blockIdx.x * kTile;
  float sums[8][8] = {};
  for (int k = 0; k < n; k += kDepth) {
    const int r = t / 2, e = t % 2 * 4;
    const float4 x = *reinterpret_cast<const float4*>(&a[(row + r) * n + k + e]);
    as[e][r] = x.x, as[e + 1][r] = x.y, as[e + 2][r] = x.z, as[e + 3][r] = x.w;
    *reinterpret_cast<float4*>(&bs[t / 32][t % 32 * 4]) =
        *reinterpret_cast<const float4*>(&b[(k + t / 32) * n + column + t % 32 * 4]);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kDepth; ++i) {
      float xs[8], ys[8];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        *reinterpret_cast<float4*>(&xs[4 * half]) = *reinterpret_cast<float4*>(&as[i][64 * half + ty]);
        *reinterpret_cast<float4*>(&ys[4 * half]) = *reinterpret_cast<float4*>(&bs[i][64 * half + tx]);
      }
#pragma unroll
      for (int p = 0; p < 8; ++p) {
#pragma unroll
        for (int q = 0; q < 8; ++q) sums[p][q] += xs[p] * ys[q];
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int p = 0; p < 8; ++p) {
#pragma unroll
    for (int q = 0; q < 8; ++q) {
      c[(row + p / 4 * 64 + ty + p % 4) * n + column + q / 4 * 64 + tx + q % 4] = sums[p][q];
    }
  }
}
