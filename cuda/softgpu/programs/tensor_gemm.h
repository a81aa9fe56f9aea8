// Host side of the tensor-core GEMMs.
#pragma once

#include "harness.h"
#include "reference.h"

namespace softgpu::programs {

/// Tells softgpu what a matrix is, so that every mma is checked to pair equal k and to keep one (row, column)
/// an accumulator. Role 0: A, indexed (row, k); 1: B, indexed (k, column).
template <class T>
void declare_matrix(const Buffer<T>& buffer, int rows, int columns, int leading, std::uint32_t role) {
  if (driver().softgpuDeclareMatrix == nullptr) return;
  const int code = driver().softgpuDeclareMatrix(buffer.address(), static_cast<std::uint64_t>(rows),
                                                 static_cast<std::uint64_t>(columns),
                                                 static_cast<std::uint64_t>(leading), sizeof(T), role);
  if (code != kSuccess) throw DriverError("softgpuDeclareMatrix", code);
}

/// Runs kernel `gemm` of `module` on random matrices of a 16-bit type given by its conversions.
inline void run_tensor_gemm(const char* name, Random& random, std::uint16_t (*narrow)(float),
                            float (*widen)(std::uint16_t)) {
  const Module module(name);
  const int m = 141, n = 83, k = 107, lda = 112, ldb = 88;
  std::vector<std::uint16_t> a, b;
  std::vector<double> wide_a, wide_b;
  for (const float value : random.floats(m * k))
    a.push_back(narrow(value)), wide_a.push_back(widen(a.back()));
  for (const float value : random.floats(k * n))
    b.push_back(narrow(value)), wide_b.push_back(widen(b.back()));
  const std::uint16_t nan = 0x7fff;  // in both types

  const Buffer<std::uint16_t> device_a(padded_rows(a, m, k, lda, nan)),
      device_b(padded_rows(b, k, n, ldb, nan));
  const Buffer<float> c(m * n);
  declare_matrix(device_a, m, k, lda, 0);
  declare_matrix(device_b, k, n, ldb, 1);
  launch(module.function("gemm"), {Extent(ceil_divide(n, 64), ceil_divide(m, 64)), 128}, device_a, device_b,
         c, m, n, k, lda, ldb);
  expect_near("gemm", c.read(), matrix_product(wide_a, wide_b, m, n, k), 1e-4, 0);
}

}  // namespace softgpu::programs
