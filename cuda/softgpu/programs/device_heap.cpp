// Host side of device_heap.cu: each row sorted, exact.
#include <algorithm>

#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("device_heap");
  const int threads = 2 * 40, length = 17;
  std::vector<int> x = random.integers(threads * length, 0, 20);
  const Buffer<int> device_x(x), y(x.size());
  launch(module.function("tree_sort"), {2, 40}, device_x, y, length);
  for (auto at = x.begin(); at != x.end(); at += length) std::sort(at, at + length);
  expect_equal("tree_sort", y.read(), x);
}

const Registration registration("device_heap", run);

}  // namespace
}  // namespace softgpu::programs
