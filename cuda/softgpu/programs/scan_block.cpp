// Host side of scan_block.cu: prefix sums of integers, exact.
#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("scan_block");
  const int rows = 9;

  const int narrow = 701;
  const std::vector<int> values = random.integers(static_cast<std::size_t>(rows) * narrow, -50, 50);
  std::vector<int> expected(values.size());
  for (int row = 0; row < rows; ++row) {
    int sum = 0;
    for (int i = 0; i < narrow; ++i) expected[row * narrow + i] = sum += values[row * narrow + i];
  }
  const Buffer<int> x(values), y(values.size());
  launch(module.function("inclusive"), {rows, 704}, x, y, narrow);
  expect_equal("inclusive", y.read(), expected);

  const int wide = 499;
  std::vector<int> shorter(values.begin(), values.begin() + rows * wide), exclusive(shorter.size());
  for (int row = 0; row < rows; ++row) {
    int sum = 0;
    for (int i = 0; i < wide; ++i) {
      exclusive[row * wide + i] = sum;
      sum += shorter[row * wide + i];
    }
  }
  const Buffer<int> a(shorter), b(shorter.size());
  launch(module.function("exclusive"), {rows, 256, (512 + 512 / 32) * sizeof(int)}, a, b, wide);
  expect_equal("exclusive", b.read(), exclusive);
}

const Registration registration("scan_block", run);

}  // namespace
}  // namespace softgpu::programs
