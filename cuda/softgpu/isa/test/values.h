// Edge values of the operands.
#pragma once

#include <algorithm>
#include <vector>

#include "table.h"

namespace softgpu::isa_test {

/// A fixed sequence of random bits (splitmix64), so that a failure repeats.
inline Bits random_bits(Bits n) {
  Bits z = n * 0x9e3779b97f4a7c15ull + 0x1234567;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return z ^ z >> 31;
}

/// 0, +-1, the ends and signs of the type and of narrower ones, patterns, random bits.
inline Operand integers(int bytes, bool few = false) {
  Operand result{bytes, {}};
  const int bits = 8 * bytes;
  const Bits sign = Bits{1} << (bits - 1);
  result.values = {0, 1, ~Bits{0}, sign, sign - 1, 2, 0x5aa5, 0xfffe, sign + 1, random_bits(1)};
  if (!few) {
    result.values.insert(
        result.values.end(),
        {3, ~Bits{1}, sign - 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffff, 0x800000, 0xffffff,
         0x1000000, 0x7fffffff, 0x80000000, 0xffffffff, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa});
    for (Bits i = 2; i < 7; ++i) result.values.push_back(random_bits(i));
  }
  for (Bits& each : result.values) each = low_bits(each, bytes);
  std::sort(result.values.begin(), result.values.end());
  result.values.erase(std::unique(result.values.begin(), result.values.end()), result.values.end());
  return result;
}

/// Amounts of shifts and field positions: around every width, wrapping bytes, huge ones.
inline Operand shift_amounts() {
  return {4, {0,  1,  7,   8,   15,  16,  17,  31,    32,         33,         47,         63,
              64, 65, 127, 128, 255, 256, 257, 0x120, 0x7fffffff, 0x80000000, 0xffffffe1, 0xffffffff}};
}

inline Operand predicates() { return {kPredicate, {0, 1}}; }

/// Zeros, subnormals, ends of the normal range, infinities, NaNs with payloads, ones and their neighbours,
/// halves, where integers and ulps meet, random numbers; with both signs.
inline Operand floats(const Format& format, bool few = false) {
  const int fraction = format.precision - 1;
  const Bits one = Bits(format.bias) << fraction, infinity = format.infinity(), ulp_one = one + 1;
  const auto power = [&](int e) { return Bits(format.bias + e) << fraction; };
  std::vector<Bits> values{0,
                           1,
                           (Bits{1} << fraction) - 1,
                           Bits{1} << fraction,
                           one,
                           ulp_one,
                           infinity - 1,
                           infinity,
                           infinity | 1,
                           infinity | Bits{1} << (fraction - 1) | 5,
                           power(1),
                           power(0) | Bits{1} << (fraction - 1)};
  if (!few) {
    const int p = format.precision;
    values.insert(values.end(),
                  {one - 1, power(-1), power(-1) + 1, power(1) | Bits{1} << (fraction - 2), 3,
                   power(fraction) + 1, power(p) - 1, power(p), power(p) + 1, power(-p), power(-p) + 1,
                   power(-p - 1), infinity - 2, power(format.bias - 1), (Bits{1} << fraction) + 1});
    for (const int e : {7, 8, 15, 16, 31, 32, 63, 64, 126}) {
      if (e <= format.bias) values.insert(values.end(), {power(e), power(e) - 1, power(e) + 1});
    }
    for (Bits i = 10; i < 16; ++i) values.push_back(random_bits(i) & (format.sign() - 1));
  }
  for (Bits i = 0; i < (few ? 2u : 6u); ++i) {  // random fractions near one
    values.push_back(power(static_cast<int>(random_bits(i + 40) % 5) - 2) |
                     (random_bits(i + 50) & ((Bits{1} << fraction) - 1)));
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const std::size_t n = values.size();
  for (std::size_t i = 0; i < n; ++i) values.push_back(values[i] | format.sign());
  return {format.width() / 8, values};
}

/// `count` of its values, evenly.
inline Operand thinned(const Operand& operand, std::size_t count) {
  Operand result{operand.bytes, {}};
  const std::size_t n = operand.values.size();
  for (std::size_t i = 0; i < std::min(n, count); ++i)
    result.values.push_back(operand.values[i * n / std::min(n, count)]);
  return result;
}

/// All values of a 16-bit register.
inline Operand all_halves() {
  Operand result{2, {}};
  for (Bits i = 0; i < 0x10000; ++i) result.values.push_back(i);
  return result;
}

/// Random values of a 16-bit format's whole range beside its edges.
inline Operand dense_halves(const Format& format, unsigned count) {
  Operand result = floats(format);
  for (Bits i = 0; i < count; ++i) result.values.push_back(random_bits(i + 1000) & 0xffff);
  return result;
}

}  // namespace softgpu::isa_test
