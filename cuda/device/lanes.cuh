// Neighbouring floats that a thread loads and stores at once: 4 by one 16-byte access, or 1 where extents are
// not multiples of 4.
#pragma once

template <int kWidth>
struct Lanes {
  static_assert(kWidth == 1 || kWidth == 4);
  float value[kWidth];

  __device__ float& operator[](int lane) { return value[lane]; }
  __device__ float operator[](int lane) const { return value[lane]; }
};

/// `from` is aligned to the width.
template <int kWidth>
__device__ inline Lanes<kWidth> load_lanes(const float* from) {
  if constexpr (kWidth == 4) {
    const float4 all = *reinterpret_cast<const float4*>(from);
    return {all.x, all.y, all.z, all.w};
  } else {
    return {*from};
  }
}

template <int kWidth>
__device__ inline void store_lanes(float* to, const Lanes<kWidth>& lanes) {
  if constexpr (kWidth == 4)
    *reinterpret_cast<float4*>(to) = make_float4(lanes[0], lanes[1], lanes[2], lanes[3]);
  else
    *to = lanes[0];
}

template <int kWidth>
__device__ inline Lanes<kWidth> broadcast_lanes(float value) {
  Lanes<kWidth> lanes;
#pragma unroll
  for (float& lane : lanes.value) lane = value;
  return lanes;
}

/// sum += a * b, lane by lane.
template <int kWidth>
__device__ inline void multiply_add(Lanes<kWidth>& sum, const Lanes<kWidth>& a, const Lanes<kWidth>& b) {
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) sum[lane] = fmaf(a[lane], b[lane], sum[lane]);
}

template <int kWidth>
__device__ inline void accumulate(Lanes<kWidth>& sum, const Lanes<kWidth>& term) {
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) sum[lane] += term[lane];
}
