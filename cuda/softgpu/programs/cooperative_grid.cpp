// Host side of cooperative_grid.cu: integers modulo 2^32, exact.
#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("cooperative_grid");
  const int count = 2311, steps = 11;
  std::vector<unsigned> x = random.words(count);
  const Buffer<unsigned> a(x), b(count);
  launch_cooperative(module.function("relax"), {9, 96}, a, b, count, steps);
  for (int step = 0; step < steps; ++step) {
    std::vector<unsigned> next(count);
    for (int i = 0; i < count; ++i) {
      next[i] = 3u * x[i] + x[(i + count - 1) % count] + (x[(i + 1) % count] >> 1);
    }
    x.swap(next);
  }
  expect_equal("relax", b.read(), x);
}

const Registration registration("cooperative_grid", run);

}  // namespace
}  // namespace softgpu::programs
