// The 16-bit floating-point formats: exact conversions to wider ones, and one rounding (to nearest, ties to
// even) back.
//
// Sums, products and fused multiply-adds are made exact in double where its 53 bits suffice, else rounded to
// odd (Boldo and Melquiond, 2008), so that the rounding to 16 bits is the only one.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace softgpu {

inline constexpr std::uint16_t kF16Nan = 0x7fff, kBf16Nan = 0x7fff;

inline double f16_to_double(std::uint16_t bits) {
  const std::uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction != 0 ? std::bit_cast<double>(0x7ff8000000000000ull) : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(static_cast<double>(fraction), -24);
  return sign * std::ldexp(static_cast<double>(fraction + 1024), static_cast<int>(exponent) - 25);
}

inline float bf16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// How a result is rounded.
enum class Rounding : std::uint8_t { nearest_even, toward_zero, down, up, nearest_away };

/// `value` rounded to a format of `fraction` explicit bits with smallest normal exponent `least`; bits of
/// sign, exponent and fraction. Overflow gives infinity (or the largest finite value, as the rounding says).
inline std::uint16_t round_to_16(double value, int fraction, int least, int exponent_bits,
                                 Rounding rounding) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const std::uint16_t infinity = static_cast<std::uint16_t>(((1 << exponent_bits) - 1) << fraction);
  if (std::isnan(value)) return 0x7fff;
  if (std::isinf(value)) return static_cast<std::uint16_t>(sign | infinity);
  double magnitude = std::fabs(value);
  if (magnitude == 0) return sign;
  int exponent;
  std::frexp(magnitude, &exponent);
  --exponent;  // magnitude = 1.x * 2^exponent
  if (exponent < least) exponent = least;
  const double scaled = std::ldexp(magnitude, fraction - exponent);  // exact: units in the last place
  double whole = std::floor(scaled);
  const double rest = scaled - whole;
  const bool negative = sign != 0;
  bool up = false;
  switch (rounding) {
    case Rounding::nearest_even:
      up = rest > 0.5 || (rest == 0.5 && std::fmod(whole, 2.0) != 0);
      break;
    case Rounding::nearest_away:
      up = rest >= 0.5;
      break;
    case Rounding::toward_zero:
      break;
    case Rounding::down:
      up = rest > 0 && negative;
      break;
    case Rounding::up:
      up = rest > 0 && !negative;
      break;
  }
  if (up) whole += 1;
  auto units = static_cast<std::uint32_t>(whole);
  const std::uint32_t biased = static_cast<std::uint32_t>(exponent - least + 1);
  const std::uint32_t one = 1u << fraction;
  std::uint32_t bits =
      units < one ? units : (biased << fraction) + (units - one);  // a carry moves into the exponent
  if (bits >= infinity) {
    const bool to_infinity = rounding == Rounding::nearest_even || rounding == Rounding::nearest_away ||
                             (rounding == Rounding::up && !negative) ||
                             (rounding == Rounding::down && negative);
    bits = to_infinity ? infinity : infinity - 1u;
  }
  return static_cast<std::uint16_t>(sign | bits);
}

inline std::uint16_t f16_from(double value, Rounding rounding = Rounding::nearest_even) {
  return round_to_16(value, 10, -14, 5, rounding);
}
inline std::uint16_t bf16_from(double value, Rounding rounding = Rounding::nearest_even) {
  return round_to_16(value, 7, -126, 8, rounding);
}

/// a + b in double, rounded to odd: a later rounding to fewer bits is then correct.
inline double add_to_odd(double a, double b) {
  const double sum = a + b;
  if (!std::isfinite(sum)) return sum;
  const double from_b = sum - a;
  const double error = (a - (sum - from_b)) + (b - from_b);  // exact (Knuth's two-sum)
  auto bits = std::bit_cast<std::uint64_t>(sum);
  if (error == 0 || (bits & 1) != 0) return sum;
  // The neighbour with an odd last bit on the side of the error.
  return std::bit_cast<double>((error > 0) == (sum > 0) ? bits | 1 : bits - 1);
}

inline std::uint16_t bf16_from_sum(float a, float b) {
  return bf16_from(add_to_odd(static_cast<double>(a), static_cast<double>(b)));
}

}  // namespace softgpu
