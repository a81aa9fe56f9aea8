// Host side of layer_norm.cu: two passes in double.
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("layer_norm");
  const int rows = 43, columns = 516;
  const float epsilon = 1e-5f;
  const std::vector<float> x = random.floats(rows * columns, 9, 11), scale = random.floats(columns);
  const std::vector<float> shift = random.floats(columns);
  std::vector<double> expected(x.size());
  for (int row = 0; row < rows; ++row) {
    double mean = 0, squares = 0;
    for (int i = 0; i < columns; ++i) mean += x[row * columns + i] / static_cast<double>(columns);
    for (int i = 0; i < columns; ++i) squares += std::pow(x[row * columns + i] - mean, 2);
    for (int i = 0; i < columns; ++i) {
      expected[row * columns + i] =
          (x[row * columns + i] - mean) / std::sqrt(squares / columns + epsilon) * scale[i] + shift[i];
    }
  }
  const Buffer<float> device_x(x), device_scale(scale), device_shift(shift), y(x.size());
  launch(module.function("layer_norm"), {rows, 96}, device_x, device_scale, device_shift, y, columns / 4,
         epsilon);
  expect_near("layer_norm", y.read(), expected, 2e-5, 0);
}

const Registration registration("layer_norm", run);

}  // namespace
}  // namespace softgpu::programs
