// Host side of half_arithmetic.cu. Sums and products of two 16-bit floats, and fma by way of double, are
// exact before their one rounding or lose nothing that it could see, so results are equal bit for bit.
#include <algorithm>
#include <cmath>

#include "harness.h"
#include "reference.h"

namespace softgpu::programs {
namespace {

using Bits = std::vector<std::uint16_t>;

// From double to 16 bits in one rounding: the float between is rounded to odd, which keeps what the second
// one needs.
float to_odd(double value) {
  float nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value) return nearest;
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(value)) nearest = std::nextafterf(nearest, 0.0f);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(nearest) | 1u);
}

struct Format {
  std::uint16_t (*narrow)(float);
  float (*widen)(std::uint16_t);
  std::uint16_t rounded(double value) const { return narrow(to_odd(value)); }
  double value(std::uint16_t bits) const { return widen(bits); }
};
constexpr Format kHalf{to_half, from_half}, kBfloat16{to_bfloat16, from_bfloat16};

Bits random_bits(Random& random, const Format& format, int count) {
  Bits bits;
  for (const float value : random.floats(count, -8, 8)) bits.push_back(format.narrow(value));
  return bits;
}

void half_pairs(const Module& module, Random& random) {
  const Format f = kHalf;
  const int count = 403, n = 2 * count;
  const Bits a = random_bits(random, f, n), b = random_bits(random, f, n), c = random_bits(random, f, n);
  Bits expected(8 * n);
  for (int i = 0; i < n; ++i) {
    const double x = f.value(a[i]), y = f.value(b[i]), z = f.value(c[i]), swapped = f.value(a[i ^ 1]);
    expected[i] = f.rounded(x + y);
    expected[n + i] = f.rounded(x * y);
    expected[2 * n + i] = f.rounded(std::fma(x, y, z));
    expected[3 * n + i] = f.rounded(swapped - y);
    expected[4 * n + i] = f.rounded(std::max(-x, std::fabs(y)));
    expected[5 * n + i] = f.rounded(x > y ? 1 : 0);
    expected[6 * n + i] = i % 2 == 0 ? a[i + 1] : f.rounded(f.value(b[i - 1]) * 3);
    const int pair = i / 2 * 2;
    expected[7 * n + i] = f.value(a[pair]) < f.value(b[pair + 1]) ? a[i] : b[i];
  }
  const Buffer<std::uint16_t> device_a(a), device_b(b), device_c(c), y(expected.size());
  launch(module.function("half_pairs"), {ceil_divide(count, 96), 96}, device_a, device_b, device_c, y, count);
  expect_equal("half_pairs", y.read(), expected);
}

void bfloat16_pairs(const Module& module, Random& random) {
  const Format f = kBfloat16;
  const int count = 389, n = 2 * count;
  const Bits a = random_bits(random, f, n), b = random_bits(random, f, n), c = random_bits(random, f, n);
  Bits expected(5 * n);
  for (int i = 0; i < n; ++i) {
    const double x = f.value(a[i]), y = f.value(b[i]), z = f.value(c[i]);
    expected[i] = f.rounded(x + y);
    expected[n + i] = f.rounded(x * y);
    expected[2 * n + i] = f.rounded(std::fma(x, y, z));
    expected[3 * n + i] = f.rounded(x * (i % 2 == 0 ? 3 : 5));
    expected[4 * n + i] = f.rounded(std::max(x, y));
  }
  const Buffer<std::uint16_t> device_a(a), device_b(b), device_c(c), y(expected.size());
  launch(module.function("bfloat16_pairs"), {ceil_divide(count, 96), 96}, device_a, device_b, device_c, y,
         count);
  expect_equal("bfloat16_pairs", y.read(), expected);
}

void half_sum(const Module& module, Random& random) {
  const int count = 351, warps = 12;
  Bits x;
  std::vector<double> sums(warps);
  double total = 0;
  for (const int value : random.integers(count, -3, 4)) {
    sums[x.size() / 32] += value;
    total += value;
    x.push_back(to_half(static_cast<float>(value)));
  }
  Bits expected;
  for (const double sum : sums) expected.push_back(kHalf.rounded(sum));
  const Buffer<std::uint16_t> device_x(x), by_shuffles(warps), by_atomics(Bits{0, 0});
  launch(module.function("half_sum"), {3, 128}, device_x, count, by_shuffles, by_atomics);
  expect_equal("by shuffles", by_shuffles.read(), expected);
  // -0 and +0 are both right here.
  expect_near("by atomics",
              std::vector<float>{from_half(by_atomics.read()[0]), from_half(by_atomics.read()[1])},
              {total, -total}, 0, 0);
}

void run(Random& random) {
  const Module module("half_arithmetic");
  half_pairs(module, random);
  bfloat16_pairs(module, random);
  half_sum(module, random);
}

const Registration registration("half_arithmetic", run);

}  // namespace
}  // namespace softgpu::programs
