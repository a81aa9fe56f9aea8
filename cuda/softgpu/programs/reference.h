// Host references that several programs share.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace softgpu::programs {

/// C[m][n] = sum over k of A[m][k] B[k][n], in double.
inline std::vector<double> matrix_product(const std::vector<double>& a, const std::vector<double>& b, int m,
                                          int n, int k) {
  std::vector<double> c(static_cast<std::size_t>(m) * n);
  for (int row = 0; row < m; ++row) {
    for (int i = 0; i < k; ++i) {
      const double scale = a[static_cast<std::size_t>(row) * k + i];
      for (int column = 0; column < n; ++column) {
        c[static_cast<std::size_t>(row) * n + column] += scale * b[static_cast<std::size_t>(i) * n + column];
      }
    }
  }
  return c;
}

/// `values` as rows of `leading` elements, the columns past `columns` filled with `padding`.
template <class T>
std::vector<T> padded_rows(const std::vector<T>& values, int rows, int columns, int leading, T padding) {
  std::vector<T> padded(static_cast<std::size_t>(rows) * leading, padding);
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      padded[static_cast<std::size_t>(row) * leading + column] =
          values[static_cast<std::size_t>(row) * columns + column];
    }
  }
  return padded;
}

template <class T>
std::vector<double> doubles(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

// IEEE binary16 and bfloat16 as bits; to nearest, ties to even.
inline std::uint16_t to_half(float value) {
  return std::bit_cast<std::uint16_t>(static_cast<_Float16>(value));
}
inline float from_half(std::uint16_t bits) { return static_cast<float>(std::bit_cast<_Float16>(bits)); }
inline std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (value != value) return 0x7fff;
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
inline float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
/// To nearest with 10 fraction bits, ties away from zero, as cvt.rna.tf32 does; finite values.
inline float to_tf32(float value) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000u) & ~0x1fffu);
}

}  // namespace softgpu::programs
