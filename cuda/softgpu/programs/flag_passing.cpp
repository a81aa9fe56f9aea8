// Host side of flag_passing.cu: integers, exact.
#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("flag_passing");
  const int blocks = 7, threads = 80;
  const std::vector<int> x = random.integers(blocks * threads, -1000, 1000);
  std::vector<int> expected(x);
  for (int i = threads; i < blocks * threads; ++i) expected[i] += expected[i - threads];
  const Buffer<int> device_x(x), sums(x.size()), flags(std::vector<int>(blocks, 0));
  const Buffer<unsigned> ticket(std::vector<unsigned>{0});
  launch(module.function("chain_by_fences"), {blocks, threads}, device_x, sums, flags, ticket);
  expect_equal("chain_by_fences", sums.read(), expected);

  const int rounds = 13;
  const std::vector<int> a = random.integers(rounds * threads, -1000, 1000);
  for (int& value : expected = a) value = value * 3 + 1;
  const Buffer<int> device_a(a), y(a.size()), slots(4 * threads);
  const Buffer<int> filled(std::vector<int>{0}), drained(std::vector<int>{0});
  const Buffer<unsigned> tickets(std::vector<unsigned>{0});
  launch(module.function("ring"), {2, threads}, device_a, y, rounds, slots, filled, drained, tickets);
  expect_equal("ring", y.read(), expected);
}

const Registration registration("flag_passing", run);

}  // namespace
}  // namespace softgpu::programs
