// Host side of gemm_f32.cu: 131 x 197 x 89 against sums in double; both kernels add in the same order, so
// they agree in every bit.
#include "harness.h"
#include "reference.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("gemm_f32");
  const int m = 131, n = 197, k = 89;
  const std::vector<float> a = random.floats(m * k), b = random.floats(k * n);
  const Buffer<float> device_a(a), device_b(b), naive(m * n), tiled(m * n);
  launch(module.function("gemm_naive"), {Extent(ceil_divide(n, 32), ceil_divide(m, 4)), Extent(32, 4)},
         device_a, device_b, naive, m, n, k);
  launch(module.function("gemm_tiled"), {Extent(ceil_divide(n, 64), ceil_divide(m, 64)), 256}, device_a,
         device_b, tiled, m, n, k);
  expect_near("gemm_naive", naive.read(), matrix_product(doubles(a), doubles(b), m, n, k), 2e-5, 0);
  expect_equal("gemm_tiled", tiled.read(), naive.read());
}

const Registration registration("gemm_f32", run);

}  // namespace
}  // namespace softgpu::programs
