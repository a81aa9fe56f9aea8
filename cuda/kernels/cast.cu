// cast: u8 to f32, i32 to f32, f32 to i32 (truncating and saturating; NaN becomes 0).
//
// Variants: one kernel a pair of types. A thread takes 4 neighbouring elements by 16-byte accesses (4-byte
// ones of u8); the last thread the rest. Bytes: 8 count, from u8 5 count. FLOPs: none. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel cast --problem "count=2097152 kind=u8_to_f32"
#include "kernels/cast.h"

#include "device/float4.cuh"

namespace {

template <class FromVector, class ToVector, class From, class To, class Convert>
__device__ void cast(const CastParameters<From, To>& p, Convert convert) {
  const int64_t first = first_of_four();
  if (first + 4 <= p.count) {
    const FromVector x = *reinterpret_cast<const FromVector*>(p.x + first);
    *reinterpret_cast<ToVector*>(p.y + first) = {convert(x.x), convert(x.y), convert(x.z), convert(x.w)};
  } else {
    for (int64_t i = first; i < p.count; ++i) p.y[i] = convert(p.x[i]);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) cast_u8_to_f32(const CastParameters<uint8_t, float> p) {
  cast<uchar4, float4>(p, [](uint8_t x) { return static_cast<float>(x); });
}
extern "C" __global__ void __launch_bounds__(256) cast_i32_to_f32(const CastParameters<int32_t, float> p) {
  cast<int4, float4>(p, [](int32_t x) { return static_cast<float>(x); });
}
// The instruction saturates, and makes NaN 0.
extern "C" __global__ void __launch_bounds__(256) cast_f32_to_i32(const CastParameters<float, int32_t> p) {
  cast<float4, int4>(p, [](float x) { return __float2int_rz(x); });
}
