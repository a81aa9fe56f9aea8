// Host side of bitonic_sort.cu: std::sort of each segment, bit for bit; -0 sorts before +0 in sort_warp.
#include <algorithm>
#include <cmath>
#include <limits>

#include "harness.h"

namespace softgpu::programs {
namespace {

void sort_segments(std::vector<float>& values, std::size_t length) {
  const auto before = [](float a, float b) {
    return a < b || (a == b && std::signbit(a) && !std::signbit(b));
  };
  for (std::size_t i = 0; i < values.size(); i += length) {
    std::sort(values.begin() + static_cast<std::ptrdiff_t>(i),
              values.begin() + static_cast<std::ptrdiff_t>(i + length), before);
  }
}

void run(Random& random) {
  const Module module("bitonic_sort");
  std::vector<float> values = random.floats(5 * 1024, -100, 100);
  values[17] = std::numeric_limits<float>::infinity();
  values[1033] = -values[17];
  const Buffer<float> segments(values);
  launch(module.function("sort_block"), {5, 192}, segments);
  sort_segments(values, 1024);
  expect_equal("sort_block", segments.read(), values);

  values = random.floats(6 * 96);
  values[3] = -0.0f;
  values[9] = 0.0f;
  const Buffer<float> warps(values);
  launch(module.function("sort_warp"), {6, 96}, warps);
  sort_segments(values, 32);
  expect_equal("sort_warp", warps.read(), values);
}

const Registration registration("bitonic_sort", run);

}  // namespace
}  // namespace softgpu::programs
