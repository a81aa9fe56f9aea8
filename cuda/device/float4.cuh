// Four neighbouring f32 as one 16-byte access, and a function on each of them.
#pragma once

#include <cstdint>

__device__ inline float4 load4(const float* from) { return *reinterpret_cast<const float4*>(from); }
// The intrinsic, as the compiler takes a plain one apart where stores of the same elements follow beside it.
__device__ inline void store4(float* to, float4 value) { __stwb(reinterpret_cast<float4*>(to), value); }
__device__ inline float4 repeat4(float value) { return make_float4(value, value, value, value); }

template <class Function>
__device__ inline float4 map4(float4 x, Function function) {
  return make_float4(function(x.x), function(x.y), function(x.z), function(x.w));
}
template <class Function>
__device__ inline float4 map4(float4 x, float4 y, Function function) {
  return make_float4(function(x.x, y.x), function(x.y, y.y), function(x.z, y.z), function(x.w, y.w));
}

/// Elements first..first + 3 of `count`, fewer at its end; the others are 0.
__device__ inline float4 load_up_to4(const float* from, int64_t first, int64_t count) {
  const auto at = [&](int i) { return first + i < count ? from[first + i] : 0.0f; };
  return make_float4(at(0), at(1), at(2), at(3));
}
__device__ inline void store_up_to4(float* to, int64_t first, int64_t count, float4 value) {
  if (first < count) to[first] = value.x;
  if (first + 1 < count) to[first + 1] = value.y;
  if (first + 2 < count) to[first + 2] = value.z;
  if (first + 3 < count) to[first + 3] = value.w;
}

/// The first element of this thread's four of a flat tensor.
__device__ inline int64_t first_of_four() { return (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * 4; }
