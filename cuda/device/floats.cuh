// Neighbouring floats that one instruction loads or stores.
#pragma once

/// kFloats of them, 1, 2 or 4; in memory aligned to their size.
template <int kFloats>
struct alignas(kFloats * sizeof(float)) Floats {
  static constexpr int kCount = kFloats;
  float at[kCount];

  __device__ float& operator[](int i) { return at[i]; }
  __device__ float operator[](int i) const { return at[i]; }

  __device__ static Floats all(float value) {
    Floats made;
#pragma unroll
    for (float& each : made.at) each = value;
    return made;
  }
  __device__ static Floats load(const float* from) { return *reinterpret_cast<const Floats*>(from); }
  __device__ void store(float* to) const { *reinterpret_cast<Floats*>(to) = *this; }
  /// To global memory by one instruction, as which it is written out: nvcc 13.0 splits many a plain store of
  /// four.
  __device__ void store_global(float* to) const {
    if constexpr (kFloats == 4)
      __stwb(reinterpret_cast<float4*>(to), make_float4(at[0], at[1], at[2], at[3]));
    else
      store(to);
  }
};

template <int kCount>
__device__ inline Floats<kCount> operator+(Floats<kCount> a, Floats<kCount> b) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) a.at[i] += b.at[i];
  return a;
}

template <int kCount>
__device__ inline void accumulate(Floats<kCount>& sum, const Floats<kCount>& term) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) sum[i] += term[i];
}

/// sum += a * b.
template <int kCount>
__device__ inline void multiply_add(Floats<kCount>& sum, const Floats<kCount>& a, const Floats<kCount>& b) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) sum[i] = fmaf(a[i], b[i], sum[i]);
}
