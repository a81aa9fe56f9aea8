// Four neighbouring elements of a tensor as one access (16 bytes of f32), fewer at the ends of a range.
#pragma once

#include <cstdint>

template <class T>
struct alignas(4 * sizeof(T)) Quad {
  T element[4];
  __device__ T& operator[](int i) { return element[i]; }
  __device__ const T& operator[](int i) const { return element[i]; }
};

/// Elements i .. i + 3 of x, i a multiple of 4; those outside of [first, last) are 0.
template <class T>
__device__ inline Quad<T> load_quad(const T* x, int64_t i, int64_t first, int64_t last) {
  if (i >= first && i + 4 <= last) return *reinterpret_cast<const Quad<T>*>(x + i);
  Quad<T> quad{};
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    if (i + e >= first && i + e < last) quad[e] = x[i + e];
  }
  return quad;
}

template <class T>
__device__ inline void store_quad(T* x, int64_t i, int64_t first, int64_t last, const Quad<T>& quad) {
  if (i >= first && i + 4 <= last) {
    *reinterpret_cast<Quad<T>*>(x + i) = quad;
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    if (i + e >= first && i + e < last) x[i + e] = quad[e];
  }
}
