// Sums and extremes over the lanes of a warp, by shuffles in a fixed order (a butterfly): equal bits on every
// run and, where combine(a, b) equals combine(b, a) to the bit, in every lane.
#pragma once

#include <bit>
#include <cstdint>

struct Plus {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

/// The larger one; a NaN gives way to a number, as in fmaxf.
struct Larger {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
  __device__ double operator()(double a, double b) const { return fmax(a, b); }
};

/// `value` of the lane whose number differs in the bits of `mask`. T: any trivially copyable type of whole
/// words.
template <class T>
__device__ inline T shuffle_xor(T value, unsigned mask) {
  static_assert(sizeof(T) % sizeof(uint32_t) == 0);
  struct Words {
    uint32_t word[sizeof(T) / sizeof(uint32_t)];
  };
  Words words = std::bit_cast<Words>(value);
#pragma unroll
  for (uint32_t& word : words.word) word = __shfl_xor_sync(0xffffffffu, word, static_cast<int>(mask));
  return std::bit_cast<T>(words);
}

/// Combines the values of each group of `lanes` neighbouring lanes (a power of two, the same in the whole
/// warp); every lane gets its group's result. All 32 lanes must come here.
template <class T, class Combine>
__device__ inline T warp_reduce(T value, Combine combine, unsigned lanes = 32) {
  for (unsigned mask = lanes / 2; mask > 0; mask /= 2) value = combine(value, shuffle_xor(value, mask));
  return value;
}

template <class T>
__device__ inline T warp_sum(T value) {
#pragma unroll
  for (unsigned mask = 16; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}
