// Host side of scan_lookback.cu: one prefix sum over 61 tiles, modulo 2^32, exact.
#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("scan_lookback");
  const int count = 60 * 512 + 77, tiles = ceil_divide(count, 512);
  const std::vector<unsigned> values = random.words(count);
  std::vector<unsigned> expected(count);
  unsigned sum = 0;
  for (int i = 0; i < count; ++i) expected[i] = sum += values[i];

  const Buffer<unsigned> x(values), y(count), ticket(std::vector<unsigned>{0});
  Buffer<unsigned long long> words(tiles);
  words.fill_bytes(0);
  launch(module.function("scan"), {tiles, 128}, x, y, count, ticket, words);
  expect_equal("scan", y.read(), expected);
}

const Registration registration("scan_lookback", run);

}  // namespace
}  // namespace softgpu::programs
