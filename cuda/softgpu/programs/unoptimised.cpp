// Host side of unoptimised.cu: exact.
#include <algorithm>
#include <numeric>

#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("unoptimised");
  const int threads = 128;
  std::vector<int> x = random.integers(threads * 13, -1000, 1000);
  const Buffer<int> device_x(x), y(x.size());
  launch(module.function("heap_sort"), {2, 64}, device_x, y);
  for (auto at = x.begin(); at != x.end(); at += 13) std::sort(at, at + 13);
  expect_equal("heap_sort", y.read(), x);

  const int length = threads * 37 - 11;
  std::string text;
  for (int i = 0; i < length; ++i) text.push_back(static_cast<char>('a' + random.integer(2)));
  std::vector<int> expected(threads);
  for (int i = 0; i + 3 <= length; ++i) expected[i / 37] += text.compare(i, 3, "aba") == 0;
  const Buffer<char> device_text(std::vector<char>(text.begin(), text.end()));
  const Buffer<int> found(threads), total(std::vector<int>{0});
  launch(module.function("search"), {1, threads}, device_text, length, found, total);
  expect_equal("search", found.read(), expected);
  expect(total.read()[0] == std::accumulate(expected.begin(), expected.end(), 0), "total");
}

const Registration registration("unoptimised", run);

}  // namespace
}  // namespace softgpu::programs
