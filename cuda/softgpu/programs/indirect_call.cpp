// Host side of indirect_call.cu: single roundings, so exact.
#include <algorithm>

#include "harness.h"

namespace softgpu::programs {
namespace {

float apply(int which, float a, float b) {
  switch (which) {
    case 0:
      return a + b;
    case 1:
      return a * b;
    case 2:
      return std::max(a, b);
    default:
      return 0.5f * (a + b);
  }
}

void run(Random& random) {
  const Module module("indirect_call");
  const int count = 517;
  const std::vector<int> which = random.integers(count, 0, 4);
  std::vector<float> a, b;  // small integers: products are exact, fused or not
  for (const int value : random.integers(count, 1, 64)) a.push_back(static_cast<float>(value));
  for (const int value : random.integers(count, 1, 64)) b.push_back(static_cast<float>(value));
  const Buffer<int> device_which(which);
  const Buffer<float> device_a(a), device_b(b), y(count);
  const Shape shape{ceil_divide(count, 96), 96};

  std::vector<float> expected(count);
  for (int i = 0; i < count; ++i) expected[i] = apply(which[i], a[i], b[i]);
  launch(module.function("by_table"), shape, device_which, device_a, device_b, y, count);
  expect_equal("by_table", y.read(), expected);

  CUdeviceptr operation = 0;
  driver().cuMemcpyDtoH_v2(&operation, module.global("chosen").address, sizeof operation);
  for (int i = 0; i < count; ++i) expected[i] = a[i] * b[i];
  launch(module.function("by_pointer"), shape, operation, device_a, device_b, y, count);
  expect_equal("by_pointer", y.read(), expected);

  for (int i = 0; i < count; ++i) {
    const float area = a[i] * b[i];
    expected[i] = which[i] % 2 == 0 ? area * 3 + area : 0.5f * area * 9 + 0.5f * area;
  }
  launch(module.function("by_virtual"), shape, device_which, device_a, device_b, y, count);
  expect_equal("by_virtual", y.read(), expected);
}

const Registration registration("indirect_call", run);

}  // namespace
}  // namespace softgpu::programs
