// Host side of integer_arithmetic.cu: every operation written out in C++, exact.
#include <algorithm>
#include <bit>

#include "harness.h"

namespace softgpu::programs {
namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;
using u128 = unsigned __int128;

u32 byte_of(u64 value, u32 index) { return static_cast<u32>(value >> (8 * index)) & 255u; }

u32 reversed(u32 x) {
  u32 y = 0;
  for (int bit = 0; bit < 32; ++bit) y |= ((x >> bit) & 1u) << (31 - bit);
  return y;
}

u32 byte_permute(u32 x, u32 z, u32 selector) {
  u32 y = 0;
  for (u32 i = 0; i < 4; ++i) y |= byte_of(u64{z} << 32 | x, selector >> (4 * i) & 7) << (8 * i);
  return y;
}

u32 extract(u32 x, u32 position, u32 length, bool is_signed) {
  if (length == 0) return 0;
  const u32 top = std::min(position + length - 1, 31u);
  const bool fill = is_signed && ((x >> top) & 1u);
  u32 y = 0;
  for (u32 bit = 0; bit < 32; ++bit) {
    const bool set = bit < length && position + bit <= 31 ? (x >> (position + bit)) & 1u : fill;
    y |= u32{set} << bit;
  }
  return y;
}

u32 insert(u32 from, u32 into, u32 position, u32 length) {
  for (u32 bit = 0; bit < length && position + bit < 32; ++bit) {
    into = (into & ~(1u << (position + bit))) | ((from >> bit) & 1u) << (position + bit);
  }
  return into;
}

int signed_dot(u32 x, u32 z, int sum) {
  for (u32 i = 0; i < 4; ++i) {
    sum += static_cast<std::int8_t>(byte_of(x, i)) * static_cast<std::int8_t>(byte_of(z, i));
  }
  return sum;
}

std::vector<u32> bits_of(u32 x, u32 z) {
  const u32 position = z & 63, length = z >> 8 & 63, both = x & z, third = x * 77u;
  const u64 wide = u64{x} << 32 | z;
  const int sx = static_cast<int>(x), sz = static_cast<int>(z);
  const u32 lowest = x & -(x & 1023);
  const u64 brevll = u64{reversed(z)} << 32 | reversed(x);
  u32 dot = 7, differences = 0;
  for (u32 i = 0; i < 4; ++i) {
    const u32 p = byte_of(x, i), q = byte_of(z, i);
    dot += p * q;
    differences |= (p > q ? p - q : q - p) << (8 * i);
  }
  const u32 turned = position & 31, clamped = std::min(position, 32u);
  const u32 funnel_left = static_cast<u32>((u64{z} << 32 | x) << turned >> 32);
  const u32 funnel_right = static_cast<u32>((u64{z} << 32 | x) >> clamped);
  const int p = static_cast<int>(x >> 4), q = static_cast<int>(z >> 3);
  const u32 halves = static_cast<u32>((u64{x} + z) >> 1);
  const u32 rounded = static_cast<u32>((std::int64_t{sx} + sz + 1) >> 1);
  return {
      static_cast<u32>(std::popcount(x)),
      static_cast<u32>(std::popcount(wide)),
      static_cast<u32>(std::countl_zero(x >> (z & 31))),
      static_cast<u32>(std::countl_zero(wide >> (z & 63))),
      lowest == 0 ? 0u : static_cast<u32>(std::countr_zero(lowest)) + 1,
      reversed(x),
      static_cast<u32>(brevll >> 16),
      byte_permute(x, z, x >> 16 & 0x7777),
      funnel_left,
      funnel_right,
      dot,
      static_cast<u32>(signed_dot(x, z, -7)),
      extract(x, position, length, false),
      extract(x, position, length, true),
      insert(x, z, position, length),
      position > 31 ? 0u : x << position,
      static_cast<u32>(sx >> std::min(position, 31u)),
      both == 0 ? ~0u : static_cast<u32>(std::countl_zero(both)),
      x + static_cast<u32>(p > q ? p - q : q - p),
      (x & z) | (x & third) | (z & third),
      differences,
      (x & 0xffffffu) * (z & 0xffffffu),
      halves ^ rounded,
      (sx < 0 ? 0u - x : x) + std::min(x, z) - static_cast<u32>(std::max(sx, sz)),
  };
}

void products(const Module& module, Random& random) {
  struct Pair {
    u64 low, high;
  };
  const int count = 701;
  std::vector<u64> a(count), b(count);
  for (u64& value : a) value = random.integer(5) == 0 ? ~u64{0} - random.integer(3) : random.bits();
  for (u64& value : b) value = random.integer(5) == 0 ? ~u64{0} - random.integer(3) : random.bits();
  std::vector<Pair> expected(3 * count);
  for (int i = 0; i < count; ++i) {
    const u128 product = u128{a[i]} * b[i], sum = product + a[i];
    const __int128 with_sign =
        static_cast<__int128>(static_cast<std::int64_t>(a[i])) * static_cast<std::int64_t>(b[i]);
    expected[i] = {static_cast<u64>(product), static_cast<u64>(product >> 64)};
    expected[count + i] = {static_cast<u64>(sum), static_cast<u64>(sum >> 64)};
    expected[2 * count + i] = {static_cast<u64>(with_sign >> 64), static_cast<u64>(product >> 64)};
  }
  const Buffer<u64> device_a(a), device_b(b);
  const Buffer<Pair> y(3 * count);
  launch(module.function("products"), {ceil_divide(count, 96), 96}, device_a, device_b, y, count);
  expect_equal("products", y.read(), expected);
}

void add_wide(const Module& module, Random& random) {
  const int count = 351;
  std::vector<u32> a = random.words(8 * count), b = random.words(8 * count), sum(8 * count),
                   difference(8 * count);
  for (int i = 0; i < 8 * count; i += 3) a[i] = ~b[i];  // long carries
  for (int i = 0; i < count; ++i) {
    u64 carry = 0, borrow = 0;
    for (int word = 8 * i; word < 8 * i + 8; ++word) {
      carry += u64{a[word]} + b[word];
      sum[word] = static_cast<u32>(carry);
      carry >>= 32;
      const u64 result = u64{a[word]} - b[word] - borrow;
      difference[word] = static_cast<u32>(result);
      borrow = result >> 63;
    }
  }
  const Buffer<u32> device_a(a), device_b(b), device_sum(sum.size()), device_difference(sum.size());
  launch(module.function("add_wide"), {ceil_divide(count, 96), 96}, device_a, device_b, device_sum,
         device_difference, count);
  expect_equal("sum", device_sum.read(), sum);
  expect_equal("difference", device_difference.read(), difference);
}

void run(Random& random) {
  const Module module("integer_arithmetic");
  products(module, random);
  add_wide(module, random);

  const int count = 1501, operations = 24;
  std::vector<u32> a = random.words(count), b = random.words(count), expected(operations * count);
  a[0] = b[0] = 0;
  a[1] = 0x80000000u;
  for (int i = 0; i < count; ++i) {
    const std::vector<u32> results = bits_of(a[i], b[i]);
    for (int operation = 0; operation < operations; ++operation)
      expected[operation * count + i] = results[operation];
  }
  const Buffer<u32> device_a(a), device_b(b), y(expected.size());
  launch(module.function("bits"), {ceil_divide(count, 96), 96}, device_a, device_b, y, count);
  expect_equal("bits", y.read(), expected);
}

const Registration registration("integer_arithmetic", run);

}  // namespace
}  // namespace softgpu::programs
