// Neighbouring floats that one instruction loads or stores.
#pragma once

/// kFloats of them, 1, 2 or 4; in memory aligned to their size.
template <int kFloats>
struct alignas(kFloats * sizeof(float)) Floats {
  static constexpr int kCount = kFloats;
  float at[kCount];

  __device__ static Floats all(float value) {
    Floats made;
#pragma unroll
    for (float& each : made.at) each = value;
    return made;
  }
  __device__ static Floats load(const float* from) { return *reinterpret_cast<const Floats*>(from); }
  __device__ void store(float* to) const { *reinterpret_cast<Floats*>(to) = *this; }
};

template <int kCount>
__device__ inline Floats<kCount> operator+(Floats<kCount> a, Floats<kCount> b) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) a.at[i] += b.at[i];
  return a;
}
