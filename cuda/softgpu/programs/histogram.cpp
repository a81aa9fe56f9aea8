// Host side of histogram.cu: counts and statistics, exact.
#include <algorithm>
#include <climits>

#include "harness.h"

namespace softgpu::programs {
namespace {

// As in the kernel.
struct Statistics {
  int smallest = INT_MAX, largest = INT_MIN;
  unsigned any = 0, all = ~0u, parity = 0, wrapped = 0, stepped = 0;
  unsigned long long sum = 0, largest_wide = 0;
  unsigned product_bits = 1;
  float float_sum = 0;
  double double_sum = 0;
};

void count_bytes(const Module& module, Random& random) {
  std::vector<std::uint32_t> values = random.words(7013);
  for (std::size_t i = 0; i < values.size(); i += 2) values[i] &= 0x0f0f0f0f;  // crowded bins
  std::vector<unsigned> expected(256);
  for (const std::uint32_t word : values) {
    for (int byte = 0; byte < 4; ++byte) ++expected[(word >> (8 * byte)) & 255];
  }
  const Buffer<std::uint32_t> x(values);
  Buffer<unsigned> bins(256);
  bins.fill_bytes(0);
  launch(module.function("histogram"), {7, 160, 5 * 256 * sizeof(unsigned)}, x,
         static_cast<int>(values.size()), bins);
  expect_equal("histogram", bins.read(), expected);
}

void gather_statistics(const Module& module, Random& random) {
  const std::vector<int> values = random.integers(3001, -1000000, 1000000);
  Statistics expected;
  for (const int value : values) {
    const unsigned bits = static_cast<unsigned>(value);
    expected.smallest = std::min(expected.smallest, value);
    expected.largest = std::max(expected.largest, value);
    expected.any |= bits;
    expected.all &= bits;
    expected.parity ^= bits;
    expected.wrapped = expected.wrapped >= 99 ? 0 : expected.wrapped + 1;
    expected.stepped = expected.stepped == 0 || expected.stepped > 70 ? 70 : expected.stepped - 1;
    expected.sum += static_cast<unsigned long long>(static_cast<long long>(value));
    expected.largest_wide =
        std::max(expected.largest_wide, static_cast<unsigned long long>(value & 0xffff) << 33);
    expected.product_bits *= 2u * bits + 1u;
    expected.float_sum += static_cast<float>(value & 15);
    expected.double_sum += value;
  }
  const Buffer<int> x(values);
  const Buffer<Statistics> statistics(std::vector<Statistics>{Statistics{}});
  launch(module.function("statistics"), {ceil_divide(3001, 192), 192}, x, 3001, statistics);
  const Statistics actual = statistics.read()[0];
  expect(actual.smallest == expected.smallest && actual.largest == expected.largest, "atomicMin, atomicMax");
  expect(actual.any == expected.any && actual.all == expected.all && actual.parity == expected.parity,
         "atomicOr, atomicAnd, atomicXor");
  expect(actual.wrapped == expected.wrapped && actual.stepped == expected.stepped, "atomicInc, atomicDec");
  expect(actual.sum == expected.sum && actual.largest_wide == expected.largest_wide, "64-bit atomics");
  expect(actual.product_bits == expected.product_bits, "atomicCAS");
  expect(actual.float_sum == expected.float_sum && actual.double_sum == expected.double_sum, "float atomics");
}

void run(Random& random) {
  const Module module("histogram");
  count_bytes(module, random);
  gather_statistics(module, random);
}

const Registration registration("histogram", run);

}  // namespace
}  // namespace softgpu::programs
