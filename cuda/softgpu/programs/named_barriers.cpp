// Host side of named_barriers.cu: integers, exact.
#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("named_barriers");
  const int tiles = 29, width = 128;
  const std::vector<int> x = random.integers(tiles * width, -100, 100);
  std::vector<int> y(tiles), z(x.size());
  for (int tile = 0; tile < tiles; ++tile) {
    const int* values = x.data() + tile * width;
    for (int i = 0; i < width; ++i) {
      y[tile] += values[i] * values[width - 1 - i];
      z[tile * width + i] = values[(i + 1) % width] + values[(i + width - 1) % width];
    }
  }
  const Buffer<int> device_x(x), device_y(tiles), device_z(x.size());
  launch(module.function("pipeline"), {4, 192}, device_x, device_y, device_z, tiles);
  expect_equal("y", device_y.read(), y);
  expect_equal("z", device_z.read(), z);
}

const Registration registration("named_barriers", run);

}  // namespace
}  // namespace softgpu::programs
