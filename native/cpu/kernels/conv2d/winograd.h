// The transforms of Winograd's minimal filtering F(m x m, 3 x 3), m = 2 and 4 (Lavin & Gray, "Fast Algorithms
// for Convolutional Neural Networks", CVPR 2016).
//
// A tile of m x m outputs, taken from (m + 2)^2 inputs d with the 3 x 3 filter g, is  Y = A^T [(G g G^T) .
// (B^T d B)] A  with the elementwise product summed over input channels: one small matrix product for each of
// the (m + 2)^2 *frequencies*, 4 (m = 2) or 2.25 (m = 4) multiply-adds an output and channel pair instead of
// 9. The filter gradient is the adjoint:  dg = G^T [(B^T d B) . (A dY A^T)] G  with the product summed over
// tiles. Every transform is separable; below are its 1-D matrices as straight-line code on a scalar or a
// vector of channels.
//
// Points: 0, +-1, infinity for m = 2; 0, +-sqrt(1/2), +-sqrt(2), infinity for m = 4. The usual 0, +-1, +-2
// would cost the same and lose three times as much: of N(0, 1) data with 64 channels, largest error / largest
// value, they have 4.4e-6 where these have 1.5e-6, F(2x2) 3e-7, and a plain sum in f32 1.1e-6.
//
// Vector operations of one tile and vector of channels, 1-D passes over both axes: input 12 x 12 (m = 2: 4 x
// 8), output 12 x 10 (4 x 6), filter 9 x 9 (5 x 7). Run by the bench of the winograd implementations.
#pragma once

#include "cpu/kernels/kernel.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// Winograd<M>: the 1-D matrices of F(M, 3). Each is a type with its extents `kFrom` and `kTo`, and `apply`.
template <int M>
struct Winograd;

template <>
struct Winograd<2> {
  static constexpr int kOutputs = 2, kTile = 4, kFrequencies = 16;

  struct Input {  // B^T d
    static constexpr int kFrom = 4, kTo = 4;
    template <class T>
    static void apply(const T (&d)[4], T (&v)[4]) {
      v[0] = d[0] - d[2];
      v[1] = d[1] + d[2];
      v[2] = d[2] - d[1];
      v[3] = d[1] - d[3];
    }
  };
  struct Filter {  // G g
    static constexpr int kFrom = 3, kTo = 4;
    template <class T>
    static void apply(const T (&g)[3], T (&u)[4]) {
      const T even = 0.5f * (g[0] + g[2]), odd = 0.5f * g[1];
      u[0] = g[0];
      u[1] = even + odd;
      u[2] = even - odd;
      u[3] = g[2];
    }
  };
  struct Output {  // A^T m
    static constexpr int kFrom = 4, kTo = 2;
    template <class T>
    static void apply(const T (&m)[4], T (&y)[2]) {
      y[0] = m[0] + m[1] + m[2];
      y[1] = m[1] - m[2] - m[3];
    }
  };
  struct OutputAdjoint {  // A dy
    static constexpr int kFrom = 2, kTo = 4;
    template <class T>
    static void apply(const T (&dy)[2], T (&v)[4]) {
      v[0] = dy[0];
      v[1] = dy[0] + dy[1];
      v[2] = dy[0] - dy[1];
      v[3] = -dy[1];
    }
  };
  struct FilterAdjoint {  // G^T du
    static constexpr int kFrom = 4, kTo = 3;
    template <class T>
    static void apply(const T (&du)[4], T (&dg)[3]) {
      const T even = 0.5f * (du[1] + du[2]);
      dg[0] = du[0] + even;
      dg[1] = 0.5f * (du[1] - du[2]);
      dg[2] = even + du[3];
    }
  };
};

template <>
struct Winograd<4> {
  static constexpr int kOutputs = 4, kTile = 6, kFrequencies = 36;
  static constexpr float kNear = 0.70710678118654752f, kFar = 1.41421356237309505f;  // the points

  struct Input {
    static constexpr int kFrom = 6, kTo = 6;
    template <class T>
    static void apply(const T (&d)[6], T (&v)[6]) {
      const T even_near = d[4] - 2.0f * d[2], odd_near = d[3] - 2.0f * d[1];
      const T even_far = d[4] - 0.5f * d[2], odd_far = d[3] - 0.5f * d[1];
      v[0] = d[0] - 2.5f * d[2] + d[4];
      v[1] = even_near + kNear * odd_near;
      v[2] = even_near - kNear * odd_near;
      v[3] = even_far + kFar * odd_far;
      v[4] = even_far - kFar * odd_far;
      v[5] = d[1] - 2.5f * d[3] + d[5];
    }
  };
  struct Filter {
    static constexpr int kFrom = 3, kTo = 6;
    template <class T>
    static void apply(const T (&g)[3], T (&u)[6]) {
      constexpr float kScaleNear = -2.0f / 3, kScaleFar = 1.0f / 6;
      const T even_near = kScaleNear * g[0] + (kScaleNear * 0.5f) * g[2];
      const T even_far = kScaleFar * g[0] + (kScaleFar * 2.0f) * g[2];
      u[0] = g[0];
      u[1] = even_near + (kScaleNear * kNear) * g[1];
      u[2] = even_near - (kScaleNear * kNear) * g[1];
      u[3] = even_far + (kScaleFar * kFar) * g[1];
      u[4] = even_far - (kScaleFar * kFar) * g[1];
      u[5] = g[2];
    }
  };
  struct Output {
    static constexpr int kFrom = 6, kTo = 4;
    template <class T>
    static void apply(const T (&m)[6], T (&y)[4]) {
      const T even_near = m[1] + m[2], odd_near = m[1] - m[2];
      const T even_far = m[3] + m[4], odd_far = m[3] - m[4];
      y[0] = m[0] + even_near + even_far;
      y[1] = kNear * odd_near + kFar * odd_far;
      y[2] = 0.5f * even_near + 2.0f * even_far;
      y[3] = m[5] + (0.5f * kNear) * odd_near + (2.0f * kFar) * odd_far;
    }
  };
  struct OutputAdjoint {
    static constexpr int kFrom = 4, kTo = 6;
    template <class T>
    static void apply(const T (&dy)[4], T (&v)[6]) {
      const T even_near = dy[0] + 0.5f * dy[2], odd_near = dy[1] + 0.5f * dy[3];
      const T even_far = dy[0] + 2.0f * dy[2], odd_far = dy[1] + 2.0f * dy[3];
      v[0] = dy[0];
      v[1] = even_near + kNear * odd_near;
      v[2] = even_near - kNear * odd_near;
      v[3] = even_far + kFar * odd_far;
      v[4] = even_far - kFar * odd_far;
      v[5] = dy[3];
    }
  };
  struct FilterAdjoint {
    static constexpr int kFrom = 6, kTo = 3;
    template <class T>
    static void apply(const T (&du)[6], T (&dg)[3]) {
      constexpr float kScaleNear = -2.0f / 3, kScaleFar = 1.0f / 6;
      const T even_near = du[1] + du[2], odd_near = du[1] - du[2];
      const T even_far = du[3] + du[4], odd_far = du[3] - du[4];
      dg[0] = du[0] + kScaleNear * even_near + kScaleFar * even_far;
      dg[1] = (kScaleNear * kNear) * odd_near + (kScaleFar * kFar) * odd_far;
      dg[2] = du[5] + (kScaleNear * 0.5f) * even_near + (kScaleFar * 2.0f) * even_far;
    }
  };
};

/// to = X from X^T for the 1-D matrix X: the columns of a tile, then the rows. load(row, column) gives an
/// element of `from`, store(row, column, value) takes one of `to`.
template <class X, class T = Vec, class Load, class Store>
[[gnu::always_inline]] inline void transform_tile(Load&& load, Store&& store) {
  T half[X::kTo][X::kFrom];
#pragma GCC unroll 6
  for (int j = 0; j < X::kFrom; ++j) {
    T from[X::kFrom], to[X::kTo];
#pragma GCC unroll 6
    for (int i = 0; i < X::kFrom; ++i) from[i] = load(i, j);
    X::apply(from, to);
#pragma GCC unroll 6
    for (int i = 0; i < X::kTo; ++i) half[i][j] = to[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < X::kTo; ++i) {
    T to[X::kTo];
    X::apply(half[i], to);
#pragma GCC unroll 6
    for (int j = 0; j < X::kTo; ++j) store(i, j, to[j]);
  }
}

/// Floats between matrices of `floats` floats, one a frequency: an odd number of cache lines, so that a
/// tile's frequencies, which are written together, fall into different cache sets.
constexpr int64_t frequency_stride(int64_t floats) { return (ceil_div(floats, 16) | 1) * 16; }

}  // namespace lapidary::cpu::LAPIDARY_ISA
