// Host side of large_shared.cu: exact.
#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("large_shared");
  const int count = 20011, side = 142;
  const unsigned bytes = side * side * sizeof(unsigned);
  std::vector<unsigned char> x(count);
  for (unsigned char& value : x) value = static_cast<unsigned char>(random.integer(160));
  std::vector<unsigned> expected(side * side + 1);
  for (int i = 0; i + 1 < count; ++i)
    ++expected[x[i] < side && x[i + 1] < side ? x[i] * side + x[i + 1] : side * side];
  const Buffer<unsigned char> device_x(x);
  const Buffer<unsigned> counts(expected.size());
  launch(module.function("pair_histogram", bytes), {1, 352, bytes}, device_x, count, counts);
  expect_equal("pair_histogram", counts.read(), expected);

  const int n = 113, matrices = 3;
  const std::vector<float> a = random.floats(matrices * n * n);
  std::vector<float> transposed(a.size());
  for (int m = 0; m < matrices; ++m) {
    for (int i = 0; i < n * n; ++i) transposed[m * n * n + i] = a[m * n * n + i % n * n + i / n];
  }
  const Buffer<float> device_a(a);
  const unsigned size = n * n * sizeof(float);
  launch(module.function("transpose_in_place", size), {matrices, 256, size}, device_a, n);
  expect_equal("transpose_in_place", device_a.read(), transposed);
}

const Registration registration("large_shared", run);

}  // namespace
}  // namespace softgpu::programs
