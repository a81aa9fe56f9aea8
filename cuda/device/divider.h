// Division by a number that the host knows: a multiplication, an addition and a shift in place of the 20
// instructions (in 64 bits: 70) of a quotient. Granlund and Montgomery, "Division by invariant integers using
// multiplication" (PLDI 1994), for numerators below 2^31; larger ones are divided.
#pragma once

#include <cstdint>

struct Divider {
  int64_t divisor = 1;
  uint32_t multiplier = 1, shift = 0;

  constexpr Divider() = default;
  constexpr explicit Divider(int64_t by) : divisor(by) {
    // Beyond 2^31 the quotient of what is multiplied is 0.
    const uint64_t d = by >> 31 ? uint64_t{1} << 31 : static_cast<uint64_t>(by);
    while (uint64_t{1} << shift < d) ++shift;
    multiplier = static_cast<uint32_t>((((uint64_t{1} << shift) - d) << 32) / d + 1);
  }

  /// n / divisor for n >= 0.
  constexpr int64_t quotient(int64_t n) const {
    if (n >> 31) return n / divisor;
    const auto low = static_cast<uint32_t>(n);
    const auto high = static_cast<uint32_t>((uint64_t{low} * multiplier) >> 32);
    return (high + low) >> shift;
  }
};
