// f16 and bf16 arithmetic through the intrinsics of cuda_fp16.h and cuda_bf16.h, one value and two at a time.
//
// Proves single rounding of f16 and bf16 fma, packed halves and their order, comparisons, conversions, and
// sums in f16 by shuffles and atomics.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// y[operation][i], pairs
extern "C" __global__ void half_pairs(const __half2* a, const __half2* b, const __half2* c, __half2* y,
                                      int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  y[i] = __hadd2(a[i], b[i]);
  y[count + i] = __hmul2(a[i], b[i]);
  y[2 * count + i] = __hfma2(a[i], b[i], c[i]);
  y[3 * count + i] = __hsub2(__lowhigh2highlow(a[i]), b[i]);
  y[4 * count + i] = __hmax2(__hneg2(a[i]), __habs2(b[i]));
  y[5 * count + i] = __hgt2(a[i], b[i]);
  y[6 * count + i] = __halves2half2(__high2half(a[i]), __float2half_rn(__low2float(b[i]) * 3.0f));
  y[7 * count + i] = __hlt(__low2half(a[i]), __high2half(b[i])) ? a[i] : b[i];
}

extern "C" __global__ void bfloat16_pairs(const __nv_bfloat162* a, const __nv_bfloat162* b,
                                          const __nv_bfloat162* c, __nv_bfloat162* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  y[i] = __hadd2(a[i], b[i]);
  y[count + i] = __hmul2(a[i], b[i]);
  y[2 * count + i] = __hfma2(a[i], b[i], c[i]);
  const float2 wide = __bfloat1622float2(a[i]);
  y[3 * count + i] = __floats2bfloat162_rn(wide.x * 3.0f, wide.y * 5.0f);
  y[4 * count + i] = __hmax2(a[i], b[i]);
}

// Sums of integers small enough to be exact in f16.
extern "C" __global__ void half_sum(const __half* x, int count, __half* by_shuffles, __half2* by_atomics) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const __half own = i < count ? x[i] : __float2half(0.0f);
  __half sum = own;
  for (int offset = 16; offset > 0; offset /= 2) sum = __hadd(sum, __shfl_xor_sync(0xffffffffu, sum, offset));
  if (threadIdx.x % 32 == 0) by_shuffles[i / 32] = sum;
  atomicAdd(by_atomics, __halves2half2(own, __hneg(own)));
}
