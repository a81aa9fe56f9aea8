// Reference arithmetic for the instruction tests: binary floating point on integers, rounded once.
//
// Shares nothing with the machine: no host floating point takes part. A finite value is a 256-bit significand
// times a power of two; sums are exact but for a sticky bit far below any rounding position.
#pragma once

#include <cstdint>

namespace softgpu::isa_test {

using Bits = std::uint64_t;
__extension__ typedef unsigned __int128 U128;
__extension__ typedef __int128 I128;

/// A binary interchange format: `precision` bits with the hidden one, exponent bias, the NaN the manual calls
/// canonical (of f64 it names none: tests accept any).
struct Format {
  int precision;
  int bias;
  Bits nan;
  int width() const;
  Bits sign() const { return Bits{1} << (width() - 1); }
  Bits infinity() const { return Bits(2 * bias + 1) << (precision - 1); }
};
inline constexpr Format kF16{11, 15, 0x7fff}, kBf16{8, 127, 0x7fff}, kF32{24, 127, 0x7fffffff},
    kF64{53, 1023, 0x7ff8000000000000};

enum class Round { even, zero, down, up, away };

struct U256 {
  U128 high = 0, low = 0;
  bool zero() const { return high == 0 && low == 0; }
  int length() const;  ///< of its binary form
};

struct Real {
  enum class Kind { finite, infinite, nan } kind = Kind::finite;
  bool negative = false;
  U256 significand;
  int exponent = 0;  ///< value = significand * 2^exponent
  bool zero() const { return kind == Kind::finite && significand.zero(); }
};

bool is_nan(const Format& format, Bits bits);
bool is_subnormal(const Format& format, Bits bits);
Real decode(const Format& format, Bits bits);
Real from_integer(I128 value);
/// Rounds once. Overflow as IEEE 754 has it for the mode.
Bits encode(const Format& format, const Real& value, Round round);
/// tf32: f32's exponent with 10 fraction bits, in the upper 19 bits of 32.
Bits encode_tf32(const Real& value, Round round);
/// Rounded to an integer, for |value| < 2^120; the sign is kept apart, so -0.4 gives 0.
I128 to_integer(const Real& value, Round round);

Real sum(const Real& a, const Real& b, Round round);  ///< `round` decides the sign of an exact zero
Real product(const Real& a, const Real& b);
Real quotient(const Real& a, const Real& b);
Real square_root(const Real& a);

/// Subnormals to zeros of their sign.
Bits flush(const Format& format, Bits bits);

}  // namespace softgpu::isa_test
