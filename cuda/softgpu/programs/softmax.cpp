// Host side of softmax.cu: in double; relative tolerance of a few ulp of expf over the range, and masked
// columns give 0.
#include <algorithm>
#include <cmath>
#include <limits>

#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("softmax");
  for (const int columns : {203, 5}) {
    const int rows = 37;
    std::vector<float> x = random.floats(rows * columns, -20, 20);
    for (int row = 0; row < rows; row += 3) x[row * columns + 1] = -std::numeric_limits<float>::infinity();
    std::vector<double> expected(x.size());
    for (int row = 0; row < rows; ++row) {
      const float* values = x.data() + row * columns;
      const double most = *std::max_element(values, values + columns);
      double sum = 0;
      for (int i = 0; i < columns; ++i) sum += std::exp(values[i] - most);
      for (int i = 0; i < columns; ++i) expected[row * columns + i] = std::exp(values[i] - most) / sum;
    }
    const Buffer<float> device_x(x), by_warp(x.size()), by_block(x.size());
    launch(module.function("softmax_warp"), {ceil_divide(rows, 5), Extent(32, 5)}, device_x, by_warp, rows,
           columns);
    launch(module.function("softmax_block"), {rows, 96}, device_x, by_block, columns);
    expect_near("softmax_warp", by_warp.read(), expected, 1e-37, 1e-5);
    expect_near("softmax_block", by_block.read(), expected, 1e-37, 1e-5);
  }
}

const Registration registration("softmax", run);

}  // namespace
}  // namespace softgpu::programs
