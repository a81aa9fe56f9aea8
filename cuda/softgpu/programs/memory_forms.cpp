// Host side of memory_forms.cu: exact; of clocks only that they do not run backwards.
#include "harness.h"

namespace softgpu::programs {
namespace {

void cache_operators(const Module& module, Random& random) {
  const int count = 402;
  std::vector<float> x, expected(5 * count);  // small integers: sums are exact
  for (const int value : random.integers(count, -1000, 1000)) x.push_back(static_cast<float>(value));
  for (int i = 0; i < count; ++i) {
    for (int form = 0; form < 4; ++form) expected[form * count + i] = 15 * x[i] + static_cast<float>(form);
    expected[4 * count + i] = x[i];
  }
  const Buffer<float> device_x(x), y(expected.size());
  launch(module.function("cache_operators"), {ceil_divide(count, 96), 96}, device_x, y, count);
  expect_equal("cache_operators", y.read(), expected);
}

void spaces(const Module& module) {
  const int threads = 70;
  std::vector<int> expected;
  for (int thread = 0; thread < threads; ++thread) {
    const int values[3] = {6, 8, thread % 2 == 0 ? thread : 7};
    expected.push_back(1 << (thread % 3));
    expected.push_back(values[thread % 3]);
  }
  const Buffer<int> y(expected.size());
  launch(module.function("spaces"), {1, threads}, y);
  expect_equal("spaces", y.read(), expected);
}

void scopes(const Module& module) {
  const unsigned blocks = 5, threads = 96, total = threads * (threads - 1) / 2;
  std::vector<unsigned> expected(blocks, total);
  expected.insert(expected.end(),
                  {blocks * total, (threads - 1) * 3 + blocks - 1, blocks * (total + threads), 0});
  unsigned long long wide = 0;
  float real = 0;
  for (unsigned block = 0; block < blocks; ++block) {
    for (unsigned i = 0; i < threads; ++i) {
      expected.back() ^= i * block;
      wide += static_cast<unsigned long long>(i) << 30;
      real += static_cast<float>(i % 8);
    }
  }
  const Buffer<unsigned> sums(std::vector<unsigned>(expected.size()));
  const Buffer<unsigned long long> device_wide(std::vector<unsigned long long>{0});
  const Buffer<float> reals(std::vector<float>{0});
  launch(module.function("scopes"), {blocks, threads}, sums, device_wide, reals);
  expect_equal("scopes", sums.read(), expected);
  expect_equal("64 bits", device_wide.read(), {wide});
  expect_equal("floats", reals.read(), {real});
}

void run(Random& random) {
  const Module module("memory_forms");
  cache_operators(module, random);
  spaces(module);
  scopes(module);

  const int turns = 9;
  const Buffer<unsigned> token(std::vector<unsigned>{0}), ticket(std::vector<unsigned>{0});
  const Buffer<long long> clocks(4);
  launch(module.function("ping_pong"), {2, 32}, token, turns, ticket, clocks);
  expect_equal("ping_pong", token.read(), {2u * turns});
  for (const long long elapsed : clocks.read()) expect(elapsed >= 0, "a clock ran backwards");
}

const Registration registration("memory_forms", run);

}  // namespace
}  // namespace softgpu::programs
