// Host side of gemm_wmma.cu: against sums in double.
#include "harness.h"
#include "reference.h"

namespace softgpu::programs {
namespace {

struct Halves {
  std::vector<std::uint16_t> bits;
  std::vector<double> values;
};

Halves halves(Random& random, int count) {
  Halves result;
  for (const float value : random.floats(count)) {
    result.bits.push_back(to_half(value));
    result.values.push_back(from_half(result.bits.back()));
  }
  return result;
}

template <class T>
std::vector<T> transposed(const std::vector<T>& values, int rows, int columns) {
  std::vector<T> result(values.size());
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
  }
  return result;
}

void run(Random& random) {
  const Module module("gemm_wmma");
  const int m = 80, n = 112, k = 64;
  const float scale = 0.5f;
  const Halves a = halves(random, m * k), b = halves(random, k * n);
  const std::vector<float> before = random.floats(m * n);
  std::vector<double> expected = matrix_product(a.values, b.values, m, n, k);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = scale * expected[i] + before[i];
  const Buffer<std::uint16_t> device_a(a.bits), device_b(transposed(b.bits, k, n));
  const Buffer<float> c(before);
  launch(module.function("gemm"), {Extent(ceil_divide(n, 32), m / 16), 64}, device_a, device_b, c, m, n, k,
         scale);
  expect_near("gemm", c.read(), expected, 1e-4, 0);

  const Halves x = halves(random, 256);
  std::vector<double> square = transposed(matrix_product(x.values, x.values, 16, 16, 16), 16, 16);
  for (double& value : square) value += 1;
  const Buffer<std::uint16_t> device_x(x.bits);
  const Buffer<float> y(256);
  launch(module.function("square"), {1, 32}, device_x, y);
  expect_near("square", y.read(), square, 2e-5, 0);
}

const Registration registration("gemm_wmma", run);

}  // namespace
}  // namespace softgpu::programs
