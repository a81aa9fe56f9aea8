// binary: y = a kind b, with broadcasting.
//
// Variants, after axes that both inputs step through as one are merged:
//   flat             one axis: 4 neighbouring elements a thread by 16-byte accesses. A side with one value
//   for
//                    all is read once a warp.
//   strided_vectors  rows of whole vectors: 4 neighbouring elements of the innermost axis a thread; each side
//   is
//                    a vector there, or one value for all 4 (broadcast along trailing axes).
//   strided          any strides: 4 elements a thread, a block apart.
// Bytes: flat 4 (1 + sides) count, and 4 a warp for a side of one value; strided_vectors 4 count for y and
// for each side, a fourth of that for a side that repeats; strided 12 count. Repeated reads are served by the
// caches. FLOPs: 1 an element. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel binary --problem "dims=131072x16 a_strides=16x1 b_strides=0x1"
#include "device/float4.cuh"
#include "device/strided_pair.cuh"
#include "device/uniform_load.cuh"
#include "kernels/binary.h"
#include "ops/elementwise.h"

using lapidary::BinaryKind;

namespace {

template <BinaryKind kKind>
struct Apply {
  __device__ float operator()(float a, float b) const {
    if constexpr (kKind == BinaryKind::Add) return a + b;
    if constexpr (kKind == BinaryKind::Subtract) return a - b;
    if constexpr (kKind == BinaryKind::Multiply) return a * b;
    if constexpr (kKind == BinaryKind::Divide) return a / b;
    // A NaN on either side wins.
    if constexpr (kKind == BinaryKind::Maximum) return a > b || a != a ? a : b;
    if constexpr (kKind == BinaryKind::Minimum) return a < b || a != a ? a : b;
    if constexpr (kKind == BinaryKind::Equal) return a == b ? 1 : 0;
    if constexpr (kKind == BinaryKind::Greater) return a > b ? 1 : 0;
  }
};

template <BinaryKind kKind>
__device__ void flat(const BinaryFlatParameters& p) {
  const Apply<kKind> apply;
  const float a_value = p.a_repeats ? uniform_load(p.a) : 0, b_value = p.b_repeats ? uniform_load(p.b) : 0;
  const int64_t first = first_of_four();
  if (first + 4 <= p.count) {
    const float4 a = p.a_repeats ? repeat4(a_value) : load4(p.a + first);
    const float4 b = p.b_repeats ? repeat4(b_value) : load4(p.b + first);
    store4(p.y + first, map4(a, b, apply));
  } else {
    for (int64_t i = first; i < p.count; ++i)
      p.y[i] = apply(p.a_repeats ? a_value : p.a[i], p.b_repeats ? b_value : p.b[i]);
  }
}

template <BinaryKind kKind>
__device__ void strided_vectors(const BinaryStridedParameters& p) {
  const int64_t vector = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (vector >= p.count) return;
  const auto [a, b] = offsets_of(p.strides, vector);
  const float4 va = p.a_repeats ? repeat4(p.a[a]) : load4(p.a + a);
  const float4 vb = p.b_repeats ? repeat4(p.b[b]) : load4(p.b + b);
  store4(p.y + 4 * vector, map4(va, vb, Apply<kKind>{}));
}

template <BinaryKind kKind>
__device__ void strided(const BinaryStridedParameters& p) {
  const int64_t first = int64_t{blockIdx.x} * blockDim.x * kBinaryStridedElements + threadIdx.x;
  const auto element = [first](int step) { return first + step * static_cast<int>(blockDim.x); };
  // All loads before the first store, so that they are under way together.
  float values[kBinaryStridedElements][2];
#pragma unroll
  for (int step = 0; step < kBinaryStridedElements; ++step) {
    if (element(step) >= p.count) break;
    const auto [a, b] = offsets_of(p.strides, element(step));
    values[step][0] = p.a[a], values[step][1] = p.b[b];
  }
#pragma unroll
  for (int step = 0; step < kBinaryStridedElements; ++step) {
    if (element(step) < p.count) p.y[element(step)] = Apply<kKind>{}(values[step][0], values[step][1]);
  }
}

}  // namespace

#define BINARY(name, kind)                                                                                   \
  extern "C" __global__ void __launch_bounds__(256) binary_flat_##name(const BinaryFlatParameters p) {       \
    flat<BinaryKind::kind>(p);                                                                               \
  }                                                                                                          \
  extern "C" __global__ void __launch_bounds__(256)                                                          \
      binary_strided_vectors_##name(const BinaryStridedParameters p) {                                       \
    strided_vectors<BinaryKind::kind>(p);                                                                    \
  }                                                                                                          \
  extern "C" __global__ void __launch_bounds__(256) binary_strided_##name(const BinaryStridedParameters p) { \
    strided<BinaryKind::kind>(p);                                                                            \
  }

BINARY(add, Add)
BINARY(subtract, Subtract)
BINARY(multiply, Multiply)
BINARY(divide, Divide)
BINARY(maximum, Maximum)
BINARY(minimum, Minimum)
BINARY(equal, Equal)
BINARY(greater, Greater)
