// Host side of philox.cu: bits exact, with the published answer for counter and key zero; normals against
// double.
#include <array>
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

Counter philox(Counter c, Key key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * c[0], b = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return c;
}

void run(Random& random) {
  const Module module("philox");
  const int count = 4099;
  const Buffer<Counter> out(count);

  const Buffer<Counter> first(1);
  launch(module.function("bits"), {1, 32}, first, 1, Counter{}, Key{});
  expect(first.read()[0] == Counter{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}, "known answer");

  const Counter start{0xffffffffu - 100, random.bits32(), random.bits32(), random.bits32()};
  const Key key{random.bits32(), random.bits32()};
  std::vector<Counter> expected;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(count); ++i) {
    const std::uint32_t low = start[0] + i;
    expected.push_back(philox({low, start[1] + (low < i ? 1 : 0), start[2], start[3]}, key));
  }
  launch(module.function("bits"), {ceil_divide(count, 128), 128}, out, count, start, key);
  expect_equal("bits", out.read(), expected);

  std::vector<double> expected_normals;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(count); ++i) {
    const Counter c = philox({start[0], start[1], i, start[3]}, key);
    const double u = static_cast<float>((static_cast<float>(c[0] >> 8) + 0.5f) * 0x1p-24f);
    const double v = static_cast<float>((static_cast<float>(c[1] >> 8) + 0.5f) * 0x1p-24f);
    const double radius = std::sqrt(-2 * std::log(u)), angle = 2 * std::acos(-1.0) * v;
    expected_normals.push_back(radius * std::cos(angle));
    expected_normals.push_back(radius * std::sin(angle));
  }
  const Buffer<float> normals(2 * count);
  launch(module.function("normals"), {ceil_divide(count, 96), 96}, normals, count, start, key);
  expect_near("normals", normals.read(), expected_normals, 2e-6, 1e-6);
}

const Registration registration("philox", run);

}  // namespace
}  // namespace softgpu::programs
