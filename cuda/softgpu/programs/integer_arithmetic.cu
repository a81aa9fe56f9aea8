// Integers: 128-bit products by carries and by __int128, and the bit and byte instructions.
//
// Proves mad.lo.cc, madc.hi.cc and addc chains, mul.hi on 64 bits, popc, clz, bfind, brev, bfe, bfi, prmt,
// funnel shifts, dp4a, sad, and shifts by more than the width.
#include <cuda_runtime.h>

namespace {

/// a b in full, by 32-bit multiply-adds with carries.
__device__ ulonglong2 multiply_wide(unsigned long long a, unsigned long long b) {
  unsigned r0, r1, r2, r3;
  asm("mul.lo.u32 %0, %4, %6;\n\t"
      "mul.hi.u32 %1, %4, %6;\n\t"
      "mad.lo.cc.u32 %1, %4, %7, %1;\n\t"
      "madc.hi.u32 %2, %4, %7, 0;\n\t"
      "mad.lo.cc.u32 %1, %5, %6, %1;\n\t"
      "madc.hi.cc.u32 %2, %5, %6, %2;\n\t"
      "addc.u32 %3, 0, 0;\n\t"
      "mad.lo.cc.u32 %2, %5, %7, %2;\n\t"
      "madc.hi.u32 %3, %5, %7, %3;"
      : "=&r"(r0), "=&r"(r1), "=&r"(r2), "=&r"(r3)
      : "r"(static_cast<unsigned>(a)), "r"(static_cast<unsigned>(a >> 32)), "r"(static_cast<unsigned>(b)),
        "r"(static_cast<unsigned>(b >> 32)));
  return {static_cast<unsigned long long>(r1) << 32 | r0, static_cast<unsigned long long>(r3) << 32 | r2};
}

}  // namespace

// y[0][i]: by carries; y[1][i]: a b + a by __int128; y[2][i]: signed high half, unsigned high half
extern "C" __global__ void products(const unsigned long long* a, const unsigned long long* b, ulonglong2* y,
                                    int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  y[i] = multiply_wide(a[i], b[i]);
  const unsigned __int128 wide = static_cast<unsigned __int128>(a[i]) * b[i] + a[i];
  y[count + i] = {static_cast<unsigned long long>(wide), static_cast<unsigned long long>(wide >> 64)};
  y[2 * count + i] = {
      static_cast<unsigned long long>(__mul64hi(static_cast<long long>(a[i]), static_cast<long long>(b[i]))),
      __umul64hi(a[i], b[i])};
}

// 256-bit sums and differences, four 64-bit limbs as eight words with one carry chain.
extern "C" __global__ void add_wide(const uint4* a, const uint4* b, uint4* sum, uint4* difference,
                                    int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const uint4 x0 = a[2 * i], x1 = a[2 * i + 1], y0 = b[2 * i], y1 = b[2 * i + 1];
  uint4 s0, s1, d0, d1;
  asm("add.cc.u32 %0, %8, %16;\n\taddc.cc.u32 %1, %9, %17;\n\taddc.cc.u32 %2, %10, %18;\n\t"
      "addc.cc.u32 %3, %11, %19;\n\taddc.cc.u32 %4, %12, %20;\n\taddc.cc.u32 %5, %13, %21;\n\t"
      "addc.cc.u32 %6, %14, %22;\n\taddc.u32 %7, %15, %23;"
      : "=&r"(s0.x), "=&r"(s0.y), "=&r"(s0.z), "=&r"(s0.w), "=&r"(s1.x), "=&r"(s1.y), "=&r"(s1.z), "=&r"(s1.w)
      : "r"(x0.x), "r"(x0.y), "r"(x0.z), "r"(x0.w), "r"(x1.x), "r"(x1.y), "r"(x1.z), "r"(x1.w), "r"(y0.x),
        "r"(y0.y), "r"(y0.z), "r"(y0.w), "r"(y1.x), "r"(y1.y), "r"(y1.z), "r"(y1.w));
  asm("sub.cc.u32 %0, %8, %16;\n\tsubc.cc.u32 %1, %9, %17;\n\tsubc.cc.u32 %2, %10, %18;\n\t"
      "subc.cc.u32 %3, %11, %19;\n\tsubc.cc.u32 %4, %12, %20;\n\tsubc.cc.u32 %5, %13, %21;\n\t"
      "subc.cc.u32 %6, %14, %22;\n\tsubc.u32 %7, %15, %23;"
      : "=&r"(d0.x), "=&r"(d0.y), "=&r"(d0.z), "=&r"(d0.w), "=&r"(d1.x), "=&r"(d1.y), "=&r"(d1.z), "=&r"(d1.w)
      : "r"(x0.x), "r"(x0.y), "r"(x0.z), "r"(x0.w), "r"(x1.x), "r"(x1.y), "r"(x1.z), "r"(x1.w), "r"(y0.x),
        "r"(y0.y), "r"(y0.z), "r"(y0.w), "r"(y1.x), "r"(y1.y), "r"(y1.z), "r"(y1.w));
  sum[2 * i] = s0;
  sum[2 * i + 1] = s1;
  difference[2 * i] = d0;
  difference[2 * i + 1] = d1;
}

constexpr int kOperations = 24;

// y[operation][i]
extern "C" __global__ void bits(const unsigned* a, const unsigned* b, unsigned* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const unsigned x = a[i], z = b[i], position = z & 63, length = z >> 8 & 63;
  const unsigned long long wide = static_cast<unsigned long long>(x) << 32 | z;
  unsigned results[kOperations], bfe, bfe_signed, bfi, shifted, arithmetic, found, sum, majority;
  asm("bfe.u32 %0, %1, %2, %3;" : "=r"(bfe) : "r"(x), "r"(position), "r"(length));
  asm("bfe.s32 %0, %1, %2, %3;" : "=r"(bfe_signed) : "r"(x), "r"(position), "r"(length));
  asm("bfi.b32 %0, %1, %2, %3, %4;" : "=r"(bfi) : "r"(x), "r"(z), "r"(position), "r"(length));
  asm("shl.b32 %0, %1, %2;" : "=r"(shifted) : "r"(x), "r"(position));
  asm("shr.s32 %0, %1, %2;" : "=r"(arithmetic) : "r"(x), "r"(position));
  asm("bfind.shiftamt.u32 %0, %1;" : "=r"(found) : "r"(x & z));
  asm("sad.s32 %0, %1, %2, %3;" : "=r"(sum) : "r"(x >> 4), "r"(z >> 3), "r"(x));
  asm("lop3.b32 %0, %1, %2, %3, 0xE8;" : "=r"(majority) : "r"(x), "r"(z), "r"(x * 77u));
  results[0] = __popc(x);
  results[1] = __popcll(wide);
  results[2] = __clz(x >> (z & 31));
  results[3] = __clzll(wide >> (z & 63));
  results[4] = __ffs(x & -(x & 1023));
  results[5] = __brev(x);
  results[6] = static_cast<unsigned>(__brevll(wide) >> 16);
  results[7] = __byte_perm(x, z, x >> 16 & 0x7777);
  results[8] = __funnelshift_l(x, z, position);
  results[9] = __funnelshift_rc(x, z, position);
  results[10] = __dp4a(x, z, 7u);
  results[11] = __dp4a(static_cast<int>(x), static_cast<int>(z), -7);
  results[12] = bfe;
  results[13] = bfe_signed;
  results[14] = bfi;
  results[15] = shifted;
  results[16] = arithmetic;
  results[17] = found;
  results[18] = sum;
  results[19] = majority;
  results[20] = __vabsdiffu4(x, z);
  results[21] = __umul24(x, z);
  results[22] = __uhadd(x, z) ^ __rhadd(static_cast<int>(x), static_cast<int>(z));
  results[23] = static_cast<unsigned>(abs(static_cast<int>(x))) + min(x, z) -
                max(static_cast<int>(x), static_cast<int>(z));
  for (int operation = 0; operation < kOperations; ++operation) y[operation * count + i] = results[operation];
}
