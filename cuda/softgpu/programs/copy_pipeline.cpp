// Host side of copy_pipeline.cu: small integers as floats, exact.
#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("copy_pipeline");
  const int tiles = 11, width = 128;
  const std::vector<int> integers = random.integers(tiles * width, -1000, 1000);
  const std::vector<float> x(integers.begin(), integers.end());
  std::vector<float> y(x.size());
  for (int tile = 0; tile < tiles; ++tile) {
    const float* values = x.data() + tile * width;
    for (int i = 0; i < width; ++i) y[tile * width + i] = values[i] + 2 * values[width - 1 - i];
  }
  const Buffer<float> device_x(x);
  const auto check = [&](const char* kernel, const Shape& shape, const auto&... more) {
    const Buffer<float> device_y(x.size());
    launch(module.function(kernel), shape, device_x, device_y, more...);
    expect_equal(kernel, device_y.read(), y);
  };
  check("unified", {1, width}, tiles);
  check("specialised", {1, width + 32}, tiles);
  check("counted", {tiles, width});
}

const Registration registration("copy_pipeline", run);

}  // namespace
}  // namespace softgpu::programs
