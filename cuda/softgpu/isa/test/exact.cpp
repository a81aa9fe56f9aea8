#include "exact.h"

namespace softgpu::isa_test {

namespace {

int length_of(U128 value) {
  int n = 0;
  for (; value != 0; value >>= 1) ++n;
  return n;
}

U256 shifted_left(U256 a, int n) {
  if (n >= 128) return {n >= 256 ? 0 : a.low << (n - 128), 0};
  if (n == 0) return a;
  return {a.high << n | a.low >> (128 - n), a.low << n};
}

/// Bits that fall out set the last one that stays.
U256 shifted_right_sticky(U256 a, int n) {
  if (n <= 0) return a;
  if (n >= 256) return {0, a.zero() ? U128{0} : U128{1}};
  U256 result;
  bool lost;
  if (n >= 128) {
    const int m = n - 128;
    lost = a.low != 0 || (m != 0 && a.high << (128 - m) != 0);
    result = {0, a.high >> m};
  } else {
    lost = a.low << (128 - n) != 0;
    result = {a.high >> n, a.low >> n | a.high << (128 - n)};
  }
  if (lost) result.low |= 1;
  return result;
}

int compare(const U256& a, const U256& b) {
  if (a.high != b.high) return a.high < b.high ? -1 : 1;
  return a.low == b.low ? 0 : a.low < b.low ? -1 : 1;
}
U256 added(const U256& a, const U256& b) {
  const U128 low = a.low + b.low;
  return {a.high + b.high + (low < a.low ? 1 : 0), low};
}
U256 subtracted(const U256& a, const U256& b) {
  return {a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low};
}

Real special(Real::Kind kind, bool negative = false) {
  Real result;
  result.kind = kind;
  result.negative = negative;
  return result;
}
Real not_a_number() { return special(Real::Kind::nan); }

/// significand * 2^exponent in units of 2^unit, rounded; `negative` matters to directed modes.
U128 rounded_units(const Real& value, int unit, Round round) {
  const int shift = unit - value.exponent;
  if (shift <= 0) return shifted_left(value.significand, -shift).low;
  // Two bits more than the units: half, and whether anything lies below it.
  const U256 fine = shift >= 2 ? shifted_right_sticky(value.significand, shift - 2)
                               : shifted_left(value.significand, 2 - shift);
  U128 units = fine.low >> 2 | fine.high << 126;
  const unsigned rest = static_cast<unsigned>(fine.low & 3);
  bool up = false;
  switch (round) {
    case Round::even:
      up = rest == 3 || (rest == 2 && (units & 1) != 0);
      break;
    case Round::away:
      up = rest >= 2;
      break;
    case Round::zero:
      break;
    case Round::down:
      up = rest != 0 && value.negative;
      break;
    case Round::up:
      up = rest != 0 && !value.negative;
      break;
  }
  return units + (up ? 1 : 0);
}

}  // namespace

int Format::width() const {
  int exponent_bits = 0;
  for (int n = 2 * bias + 1; n != 0; n >>= 1) ++exponent_bits;
  return precision + exponent_bits;
}

int U256::length() const { return high != 0 ? 128 + length_of(high) : length_of(low); }

bool is_nan(const Format& format, Bits bits) { return (bits & ~format.sign()) > format.infinity(); }
bool is_subnormal(const Format& format, Bits bits) {
  const Bits magnitude = bits & ~format.sign();
  return magnitude != 0 && magnitude >> (format.precision - 1) == 0;
}
Bits flush(const Format& format, Bits bits) {
  return is_subnormal(format, bits) ? bits & format.sign() : bits;
}

Real decode(const Format& format, Bits bits) {
  const bool negative = (bits & format.sign()) != 0;
  const Bits magnitude = bits & (format.sign() - 1);
  if (magnitude > format.infinity()) return not_a_number();
  if (magnitude == format.infinity()) return special(Real::Kind::infinite, negative);
  const int fraction_bits = format.precision - 1;
  const auto biased = static_cast<int>(magnitude >> fraction_bits);
  const Bits fraction = magnitude & ((Bits{1} << fraction_bits) - 1);
  Real result;
  result.negative = negative;
  result.significand.low = biased != 0 ? fraction | Bits{1} << fraction_bits : fraction;
  result.exponent = (biased != 0 ? biased : 1) - format.bias - fraction_bits;
  return result;
}

Real from_integer(I128 value) {
  Real result;
  result.negative = value < 0;
  result.significand.low = value < 0 ? U128{0} - static_cast<U128>(value) : static_cast<U128>(value);
  return result;
}

Bits encode(const Format& format, const Real& value, Round round) {
  const Bits sign = value.negative ? format.sign() : 0;
  if (value.kind == Real::Kind::nan) return format.nan;
  if (value.kind == Real::Kind::infinite) return sign | format.infinity();
  if (value.zero()) return sign;
  const int fraction_bits = format.precision - 1, least = 1 - format.bias;
  int exponent = value.exponent + value.significand.length() - 1;
  if (exponent > format.bias + 1) exponent = format.bias + 1;  // overflows in any case
  if (exponent < least) exponent = least;
  Bits bits;
  if (value.exponent + value.significand.length() - 1 > format.bias) {
    bits = format.infinity();
  } else {
    const auto units = static_cast<Bits>(rounded_units(value, exponent - fraction_bits, round));
    const Bits one = Bits{1} << fraction_bits;
    // A carry into the next power of two moves into the exponent by itself.
    bits = units < one ? units : (Bits(exponent + format.bias) << fraction_bits) + (units - one);
  }
  if (bits >= format.infinity()) {
    const bool finite = round == Round::zero || (round == Round::down && !value.negative) ||
                        (round == Round::up && value.negative);
    bits = finite ? format.infinity() - 1 : format.infinity();
  }
  return sign | bits;
}

Bits encode_tf32(const Real& value, Round round) {
  constexpr Format kTf32{11, 127, 0};
  if (value.kind == Real::Kind::nan) return 0x7fffffff;
  return encode(kTf32, value, round) << 13;
}

I128 to_integer(const Real& value, Round round) {
  const auto magnitude = static_cast<I128>(rounded_units(value, 0, round));
  return value.negative ? -magnitude : magnitude;
}

Real sum(const Real& a, const Real& b, Round round) {
  if (a.kind == Real::Kind::nan || b.kind == Real::Kind::nan) return not_a_number();
  if (a.kind == Real::Kind::infinite) {
    return b.kind == Real::Kind::infinite && a.negative != b.negative ? not_a_number() : a;
  }
  if (b.kind == Real::Kind::infinite) return b;
  Real zero;
  zero.negative = a.negative == b.negative ? a.negative : round == Round::down;
  if (a.zero() && b.zero()) return zero;
  if (a.zero()) return b;
  if (b.zero()) return a;
  const bool a_leads = a.exponent + a.significand.length() >= b.exponent + b.significand.length();
  Real large = a_leads ? a : b, small = a_leads ? b : a;
  const int up = 250 - large.significand.length();
  large.significand = shifted_left(large.significand, up);
  large.exponent -= up;
  const int shift = small.exponent - large.exponent;
  small.significand =
      shift >= 0 ? shifted_left(small.significand, shift) : shifted_right_sticky(small.significand, -shift);
  Real result;
  result.exponent = large.exponent;
  if (large.negative == small.negative) {
    result.significand = added(large.significand, small.significand);
    result.negative = large.negative;
    return result;
  }
  const int order = compare(large.significand, small.significand);
  if (order == 0) return zero;
  result.negative = order > 0 ? large.negative : small.negative;
  result.significand = order > 0 ? subtracted(large.significand, small.significand)
                                 : subtracted(small.significand, large.significand);
  return result;
}

Real product(const Real& a, const Real& b) {
  if (a.kind == Real::Kind::nan || b.kind == Real::Kind::nan) return not_a_number();
  const bool negative = a.negative != b.negative;
  if (a.kind == Real::Kind::infinite || b.kind == Real::Kind::infinite) {
    return a.zero() || b.zero() ? not_a_number() : special(Real::Kind::infinite, negative);
  }
  Real result;
  result.negative = negative;
  result.significand.low = a.significand.low * b.significand.low;  // 53 bits each at most
  result.exponent = a.exponent + b.exponent;
  return result;
}

Real quotient(const Real& a, const Real& b) {
  if (a.kind == Real::Kind::nan || b.kind == Real::Kind::nan) return not_a_number();
  const bool negative = a.negative != b.negative;
  if (a.kind == Real::Kind::infinite) {
    return b.kind == Real::Kind::infinite ? not_a_number() : special(Real::Kind::infinite, negative);
  }
  Real zero;
  zero.negative = negative;
  if (b.kind == Real::Kind::infinite) return zero;
  if (b.zero()) return a.zero() ? not_a_number() : special(Real::Kind::infinite, negative);
  if (a.zero()) return zero;
  const int up = 126 - length_of(a.significand.low);
  const U128 dividend = a.significand.low << up;
  Real result;
  result.negative = negative;
  result.significand.low = dividend / b.significand.low;
  if (dividend % b.significand.low != 0) result.significand.low |= 1;
  result.exponent = a.exponent - up - b.exponent;
  return result;
}

Real square_root(const Real& a) {
  if (a.kind == Real::Kind::nan) return a;
  if (a.zero()) return a;
  if (a.negative) return not_a_number();
  if (a.kind == Real::Kind::infinite) return a;
  int up = 124 - length_of(a.significand.low);
  if (((a.exponent - up) & 1) != 0) ++up;
  U128 rest = a.significand.low << up, root = 0;
  // Digit by digit: the largest root whose square does not exceed the number.
  for (int bit = 63; bit >= 0; --bit) {
    const U128 candidate = root | U128{1} << bit;
    if (candidate * candidate <= rest) root = candidate;
  }
  Real result;
  result.significand.low = root;
  // A sticky bit below the root's last: the root has 62 bits, so one more shift keeps it apart.
  result.significand.low = root << 1 | (root * root != rest ? 1 : 0);
  result.exponent = (a.exponent - up) / 2 - 1;
  return result;
}

}  // namespace softgpu::isa_test
