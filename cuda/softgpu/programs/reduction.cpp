// Host side of reduction.cu: integer sums exact, the float sum against a sum in double.
#include <cmath>
#include <numeric>

#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("reduction");
  const int count = 50021, blocks = 13;

  std::vector<long long> wide(count);
  for (long long& value : wide) value = static_cast<long long>(random.bits());
  const Buffer<long long> x64(wide), sums64(blocks);
  launch(module.function("sum_of_blocks"), {blocks, 160}, x64, count, sums64);
  unsigned long long actual = 0, expected = 0;  // unsigned: these sums wrap
  for (const long long sum : sums64.read()) actual += static_cast<unsigned long long>(sum);
  for (const long long value : wide) expected += static_cast<unsigned long long>(value);
  expect(actual == expected, "sum_of_blocks");

  const std::vector<int> narrow = random.integers(count, -1000, 1000);
  const Buffer<int> x32(narrow), sums32(blocks);
  launch(module.function("sum_by_tree"), {blocks, 128, 128 * sizeof(int)}, x32, count, sums32);
  const std::vector<int> parts = sums32.read();
  expect(std::accumulate(parts.begin(), parts.end(), 0) == std::accumulate(narrow.begin(), narrow.end(), 0),
         "sum_by_tree");

  const std::vector<float> values = random.floats(count);
  double sum = 0, magnitude = 0;
  for (const float value : values) sum += value, magnitude += std::fabs(value);
  const Buffer<float> x(values), sums(blocks), total(1);
  Buffer<unsigned> tickets(1);
  tickets.write({0});
  // Twice: the ticket counter must have wrapped back to 0.
  for (int round = 0; round < 2; ++round) {
    launch(module.function("sum_by_last_block"), {blocks, 224}, x, count, sums, tickets, total);
    expect_near("sum_by_last_block", total.read(), {sum}, magnitude * 1e-6, 0);
  }
  expect(tickets.read()[0] == 0, "tickets");
}

const Registration registration("reduction", run);

}  // namespace
}  // namespace softgpu::programs
