// Host side of gemm_tf32.cu: operands rounded as the kernel rounds them, products and sums in double.
#include <limits>

#include "tensor_gemm.h"

namespace softgpu::programs {
namespace {

std::vector<double> rounded(const std::vector<float>& values) {
  std::vector<double> result;
  for (const float value : values) result.push_back(to_tf32(value));
  return result;
}

void run(Random& random) {
  const Module module("gemm_tf32");
  const int m = 91, n = 141, k = 53, lda = 56, ldb = 144;
  const std::vector<float> a = random.floats(m * k), b = random.floats(k * n);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Buffer<float> device_a(padded_rows(a, m, k, lda, nan)), device_b(padded_rows(b, k, n, ldb, nan)),
      c(m * n);
  declare_matrix(device_a, m, k, lda, 0);
  declare_matrix(device_b, k, n, ldb, 1);
  launch(module.function("gemm"), {Extent(ceil_divide(n, 64), ceil_divide(m, 64)), 128}, device_a, device_b,
         c, m, n, k, lda, ldb);
  expect_near("gemm", c.read(), matrix_product(rounded(a), rounded(b), m, n, k), 5e-5, 0);
}

const Registration registration("gemm_tf32", run);

}  // namespace
}  // namespace softgpu::programs
