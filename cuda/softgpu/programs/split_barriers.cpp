// Host side of split_barriers.cu: integers, exact.
#include "harness.h"

namespace softgpu::programs {
namespace {

void produce_and_consume(Random& random, const Module& module, const char* kernel, unsigned threads,
                         int width, int rounds) {
  const std::vector<int> x = random.integers(static_cast<std::size_t>(rounds * width), -1000, 1000);
  std::vector<int> y(x.size());
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < width; ++i)
      y[round * width + i] = x[round * width + i] - 3 * x[round * width + width - 1 - i];
  }
  const Buffer<int> device_x(x), device_y(y.size());
  launch(module.function(kernel), {1, threads}, device_x, device_y, rounds);
  expect_equal(kernel, device_y.read(), y);
}

void run(Random& random) {
  const Module module("split_barriers");
  produce_and_consume(random, module, "warps", 160, 128, 21);
  produce_and_consume(random, module, "lanes", 32, 24, 9);

  const int blocks = 5;
  const std::vector<int> x = random.integers(blocks * 256, -1000, 1000);
  std::vector<int> sums(blocks);
  for (int i = 0; i < blocks * 256; ++i) sums[i / 256] += x[i];
  const Buffer<int> device_x(x), device_sums(sums.size());
  launch(module.function("shrinking"), {blocks, 256}, device_x, device_sums);
  expect_equal("shrinking", device_sums.read(), sums);
}

const Registration registration("split_barriers", run);

}  // namespace
}  // namespace softgpu::programs
