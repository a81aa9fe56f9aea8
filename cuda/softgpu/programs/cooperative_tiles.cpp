// Host side of cooperative_tiles.cu: integers, exact; what `filter` keeps is compared as a set.
#include <algorithm>

#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("cooperative_tiles");
  const int count = 1003, blocks = ceil_divide(count, 96);
  const std::vector<int> x = random.integers(count, -500, 500);
  const auto at = [&](int i) { return i < count ? x[i] : 0; };
  const Buffer<int> device_x(x);

  std::vector<int> expected(4 * count);
  for (int i = 0; i < count; ++i) {
    for (int other = i / 16 * 16; other < i / 16 * 16 + 16; ++other) {
      expected[i] += at(other);
      if (other < i) expected[2 * count + i] += at(other);
      expected[3 * count + i] += at(other) < x[i];
    }
    expected[count + i] = at(i / 4 * 4);
    for (int other = i / 4 * 4; other < i / 4 * 4 + 4; ++other) {
      expected[count + i] = std::max(expected[count + i], at(other));
    }
  }
  const Buffer<int> out(4 * count);
  launch(module.function("tiles"), {blocks, 96}, device_x, out, count);
  expect_equal("tiles", out.read(), expected);

  const int threshold = 101;
  std::vector<int> over;
  std::copy_if(x.begin(), x.end(), std::back_inserter(over), [&](int value) { return value > threshold; });
  std::sort(over.begin(), over.end());
  const Buffer<int> kept(over.size()), kept_count(std::vector<int>{0});
  launch(module.function("filter"), {blocks, 96}, device_x, count, threshold, kept, kept_count);
  expect(kept_count.read()[0] == static_cast<int>(over.size()), "filter: count");
  std::vector<int> actual = kept.read();
  std::sort(actual.begin(), actual.end());
  expect_equal("filter", actual, over);

  const std::vector<int> labels = random.integers(count, 0, 7);
  std::vector<int> sums(7);
  for (int i = 0; i < count; ++i) sums[labels[i]] += x[i];
  const Buffer<int> device_labels(labels), device_sums(std::vector<int>(7));
  launch(module.function("sum_by_label"), {blocks, 96}, device_x, device_labels, count, device_sums);
  expect_equal("sum_by_label", device_sums.read(), sums);
}

const Registration registration("cooperative_tiles", run);

}  // namespace
}  // namespace softgpu::programs
