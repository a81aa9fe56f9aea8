// Conversions between integers and floats of every width, with every rounding, and at the edges: NaN,
// infinities, values out of range, halves.
//
// Proves cvt: saturation, integer rounding, single rounding of 64-bit integers, and narrow integers in wide
// registers.
#include <cuda_runtime.h>

constexpr int kFromFloat = 12, kFromInteger = 10;

// y[conversion][i]
extern "C" __global__ void from_float(const float* x, long long* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const float v = x[i];
  const double wide = v;
  long long results[kFromFloat];
  results[0] = __float2int_rz(v);
  results[1] = __float2int_rn(v);
  results[2] = __float2int_rd(v);
  results[3] = __float2int_ru(v);
  results[4] = __float2uint_rz(v);
  results[5] = __float2ll_rn(v);
  results[6] = static_cast<long long>(__float2ull_rz(v));
  results[7] = __double2int_rn(wide * 1.25);
  results[8] = __double2ll_rz(wide * 1.25);
  results[9] = __float_as_int(rintf(v));
  results[10] = __float_as_int(truncf(v)) ^ __float_as_int(floorf(v));
  results[11] = __float_as_int(__saturatef(v));
  for (int conversion = 0; conversion < kFromFloat; ++conversion)
    y[conversion * count + i] = results[conversion];
}

extern "C" __global__ void from_integer(const long long* x, unsigned long long* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const long long v = x[i];
  unsigned long long results[kFromInteger];
  results[0] = __float_as_uint(__ll2float_rn(v));
  results[1] = __float_as_uint(__ull2float_rn(static_cast<unsigned long long>(v)));
  results[2] = static_cast<unsigned long long>(__double_as_longlong(__ll2double_rn(v)));
  results[3] = __float_as_uint(__int2float_rn(static_cast<int>(v)));
  results[4] = __float_as_uint(__uint2float_rz(static_cast<unsigned>(v)));
  results[5] = __float_as_uint(__int2float_ru(static_cast<int>(v)));
  results[6] = static_cast<unsigned long long>(static_cast<long long>(static_cast<signed char>(v)));
  results[7] = static_cast<unsigned char>(v) * 3u + static_cast<unsigned short>(v >> 8);
  results[8] = static_cast<unsigned long long>(static_cast<long long>(static_cast<short>(v >> 3)));
  results[9] =
      __float_as_uint(__double2float_rn(__longlong_as_double((v & 0xfffffffffffff) | 0x3ff0000000000000)));
  for (int conversion = 0; conversion < kFromInteger; ++conversion)
    y[conversion * count + i] = results[conversion];
}
