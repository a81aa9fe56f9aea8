// cvt between every pair of types (PTX ISA 9.7.9), roundings, saturation, NaN.
//
// Float to integer clamps; NaN gives zero, but from f64 or to a 64-bit type 1 << (width - 1); .satfinite
// takes infinity to the largest finite number. Both rules are from memory, not checked against the manual,
// and convert.cpp follows the same: these rows show that it does what it says. Left open: the NaN that an f64
// result holds (any is accepted) and the sign of a zero after .sat.
#include "values.h"

namespace softgpu::isa_test {

namespace {

constexpr Integer kAllIntegers[] = {{"u8", 1, false},  {"s8", 1, true},  {"u16", 2, false}, {"s16", 2, true},
                                    {"u32", 4, false}, {"s32", 4, true}, {"u64", 8, false}, {"s64", 8, true}};
struct Float {
  const char* name;
  Format format;
  int bytes() const { return format.width() / 8; }
};
constexpr Float kFloats[] = {{"f16", kF16}, {"bf16", kBf16}, {"f32", kF32}, {"f64", kF64}};
struct Rounding {
  const char* suffix;
  Round round;
};
constexpr Rounding kToFloat[] = {
    {".rn", Round::even}, {".rz", Round::zero}, {".rm", Round::down}, {".rp", Round::up}};
constexpr Rounding kToInteger[] = {
    {".rni", Round::even}, {".rzi", Round::zero}, {".rmi", Round::down}, {".rpi", Round::up}};

Bits wrapped(I128 value) { return static_cast<Bits>(static_cast<U128>(value)); }

bool any_nan(const Format& format, Bits expected, Bits got) {
  return format.precision == 53 && is_nan(format, expected) && is_nan(format, got);
}

/// Registers may be wider than the types: a source gives its low bits, a result is extended by its own sign.
void between_integers(std::vector<Row>& rows) {
  for (const Integer& to : kAllIntegers) {
    for (const Integer& from : kAllIntegers) {
      for (const bool saturates : {false, true}) {
        for (const int source : {2, 4, 8}) {
          for (const int destination : {2, 4, 8}) {
            if (source < from.bytes || destination < to.bytes) continue;
            const bool natural = source == std::max(2, from.bytes) && destination == std::max(2, to.bytes);
            if (saturates && (!natural || (from.least() >= to.least() && from.most() <= to.most()))) continue;
            rows.push_back(
                {std::string("cvt") + (saturates ? ".sat." : ".") + to.name + "." + from.name + " %d, %a;",
                 {destination},
                 {integers(source)},
                 [=](const Bits* in, Bits* out) {
                   I128 value = from.value(in[0]);
                   if (saturates) value = std::min(std::max(value, to.least()), to.most());
                   out[0] = wrapped(to.value(wrapped(value)));
                 },
                 {}});
          }
        }
      }
    }
  }
}

/// Integers as they matter to rounding: around powers of two, halfway and beside it.
Operand rounding_integers(const Integer& type) {
  Operand result = integers(std::max(2, type.bytes));
  for (const int precision : {8, 11, 24, 53}) {
    for (int top = precision; top < 8 * type.bytes; ++top) {
      const Bits power = Bits{1} << top, half = Bits{1} << (top - precision);
      for (const Bits each : {power + half, power + half - 1, power + half + 1, power + 3 * half, power - 1,
                              power + power - half, power + half + (half > 2 ? 2 : 0)}) {
        result.values.push_back(low_bits(each, type.bytes));
        result.values.push_back(low_bits(~each + 1, type.bytes));
      }
    }
  }
  if (result.bytes > type.bytes) {
    for (Bits& each : result.values) each = low_bits(each, result.bytes);
  }
  return result;
}

Bits clamped_to_one(const Format& format, Bits bits) {
  const Bits one = Bits(format.bias) << (format.precision - 1);
  if (is_nan(format, bits) || (bits & format.sign()) != 0) return 0;
  return std::min(bits, one);
}

void integers_to_floats(std::vector<Row>& rows) {
  for (const Float& to : kFloats) {
    for (const Integer& from : kAllIntegers) {
      for (const Rounding& r : kToFloat) {
        for (const bool saturates : {false, true}) {
          if (to.format.precision == 8 && (saturates || from.bytes == 1)) continue;
          rows.push_back({std::string("cvt") + r.suffix + (saturates ? ".sat." : ".") + to.name + "." +
                              from.name + " %d, %a;",
                          {to.bytes()},
                          {rounding_integers(from)},
                          [=](const Bits* in, Bits* out) {
                            out[0] = encode(to.format, from_integer(from.value(in[0])), r.round);
                            if (saturates) out[0] = clamped_to_one(to.format, out[0]);
                          },
                          {}});
        }
      }
    }
  }
}

/// Edge values of a float with those around the ends of every integer type and around halves.
Operand rounding_floats(const Format& format) {
  Operand result = floats(format);
  for (int i = 0; i < 24; ++i) {
    for (const int denominator : {0, 1, 2}) {  // i, i + 1/2, i + 1/4
      Real value = from_integer(4 * i + (denominator == 0 ? 0 : 2 / denominator));
      value.exponent = -2;
      const Bits bits = encode(format, value, Round::even);
      for (const Bits each : {bits, bits + 1, bits == 0 ? bits : bits - 1}) {
        result.values.push_back(each);
        result.values.push_back(each | format.sign());
      }
    }
  }
  for (const int width : {7, 8, 15, 16, 31, 32, 63, 64}) {
    for (const int beside : {-2, -1, 0, 1, 2}) {  // in halves
      Real value = from_integer((I128{2} << width) + beside);
      value.exponent = -1;
      for (const Round round : {Round::down, Round::up}) {
        const Bits bits = encode(format, value, round);
        result.values.push_back(bits);
        result.values.push_back(bits | format.sign());
      }
    }
  }
  return result;
}

Operand sources(const Float& from) { return from.bytes() == 2 ? all_halves() : rounding_floats(from.format); }

void floats_to_integers(std::vector<Row>& rows) {
  for (const Float& from : kFloats) {
    for (const Integer& to : kAllIntegers) {
      for (const Rounding& r : kToInteger) {
        for (const bool flushes : {false, true}) {
          if (flushes && from.format.precision != 24) continue;
          if (from.format.precision == 8 && to.bytes == 1) continue;
          for (const int destination : {2, 4, 8}) {
            if (destination < to.bytes || (destination > std::max(2, to.bytes) &&
                                           (r.round != Round::zero || from.format.precision == 8)))
              continue;
            rows.push_back({std::string("cvt") + r.suffix + (flushes ? ".ftz." : ".") + to.name + "." +
                                from.name + " %d, %a;",
                            {destination},
                            {from.bytes() == 2 && r.round != Round::even ? dense_halves(from.format, 1000)
                                                                         : sources(from)},
                            [=](const Bits* in, Bits* out) {
                              const Real value =
                                  decode(from.format, flushes ? flush(from.format, in[0]) : in[0]);
                              I128 result;
                              if (value.kind == Real::Kind::nan) {
                                const bool zero = from.format.precision != 53 && to.bytes != 8;
                                result = zero ? 0 : to.value(Bits{1} << (8 * to.bytes - 1));
                              } else if (value.kind == Real::Kind::infinite ||
                                         value.exponent + value.significand.length() > 100) {
                                result = value.negative ? to.least() : to.most();
                              } else {
                                result =
                                    std::min(std::max(to_integer(value, r.round), to.least()), to.most());
                              }
                              out[0] = wrapped(result);
                            },
                            {}});
          }
        }
      }
    }
  }
}

void between_floats(std::vector<Row>& rows) {
  for (const Float& to : kFloats) {
    for (const Float& from : kFloats) {
      const bool brain = to.format.precision == 8 || from.format.precision == 8;
      const bool narrows = to.format.precision < from.format.precision;
      const bool single = to.format.precision == 24 || from.format.precision == 24;
      if (to.format.precision == from.format.precision) {
        if (brain) continue;
        // To an integral value, or the same value clamped or flushed.
        for (const bool flushes : {false, true}) {
          for (const bool saturates : {false, true}) {
            if (flushes && !single) continue;
            const std::string suffix = std::string(flushes ? ".ftz" : "") + (saturates ? ".sat" : "") + "." +
                                       to.name + "." + from.name + " %d, %a;";
            const auto finish = [=](Bits bits) { return saturates ? clamped_to_one(to.format, bits) : bits; };
            for (const Rounding& r : kToInteger) {
              rows.push_back(
                  {std::string("cvt") + r.suffix + suffix,
                   {to.bytes()},
                   {sources(from)},
                   [=](const Bits* in, Bits* out) {
                     Bits bits = flushes ? flush(from.format, in[0]) : in[0];
                     Real value = decode(from.format, bits);
                     if (value.kind == Real::Kind::finite && value.exponent < 0) {
                       Real whole = from_integer(to_integer(value, r.round));
                       whole.negative = value.negative;  // -0.3 becomes -0
                       value = whole;
                     }
                     out[0] = finish(encode(to.format, value, Round::even));
                   },
                   [=](const Bits*, Bits expected, Bits got) { return any_nan(to.format, expected, got); }});
            }
          }
        }
        continue;
      }
      if (from.format.precision == 11 && brain) continue;
      for (const Rounding& r : kToFloat) {
        if (!narrows && r.round != Round::even) continue;
        for (const bool flushes : {false, true}) {
          for (const std::string clamp : {"", ".sat", ".relu", ".satfinite"}) {
            if (brain && (flushes || clamp == ".sat")) continue;
            if (flushes && (!single || brain)) continue;
            const bool to_half = from.format.precision == 24 && to.bytes() == 2;
            if ((clamp == ".relu" || clamp == ".satfinite") &&
                (!to_half || flushes || (r.round != Round::even && r.round != Round::zero)))
              continue;
            rows.push_back(
                {std::string("cvt") + (narrows ? r.suffix : "") + (clamp == ".sat" ? "" : clamp) +
                     (flushes ? ".ftz" : "") + (clamp == ".sat" ? clamp : "") + "." + to.name + "." +
                     from.name + " %d, %a;",
                 {to.bytes()},
                 {sources(from)},
                 [=](const Bits* in, Bits* out) {
                   const bool flushes_source = flushes && from.format.precision == 24;
                   Bits bits = encode(to.format,
                                      decode(from.format, flushes_source ? flush(from.format, in[0]) : in[0]),
                                      r.round);
                   if (flushes && to.format.precision == 24) bits = flush(to.format, bits);
                   if (clamp == ".sat") bits = clamped_to_one(to.format, bits);
                   if (clamp == ".relu" && !is_nan(to.format, bits) && (bits & to.format.sign()) != 0)
                     bits = 0;
                   if (clamp == ".satfinite" && (bits & ~to.format.sign()) == to.format.infinity()) --bits;
                   out[0] = bits;
                 },
                 [=](const Bits*, Bits expected, Bits got) { return any_nan(to.format, expected, got); }});
          }
        }
      }
    }
  }
}

/// Two f32 into a pair, the first in the upper half; tf32; cvt.pack.
void packed(std::vector<Row>& rows) {
  Operand values = floats(kF32);
  for (Bits i = 0; i < 40; ++i) values.values.push_back(random_bits(i + 70) & 0xbfffffff);
  for (const Float& to : {kFloats[0], kFloats[1]}) {
    for (const Rounding& r : {kToFloat[0], kToFloat[1]}) {
      for (const std::string clamp : {"", ".relu", ".satfinite"}) {
        const auto narrow = [=](Bits bits) {
          Bits result = encode(to.format, decode(kF32, bits), r.round);
          if (clamp == ".relu" && !is_nan(to.format, result) && (result & 0x8000) != 0) result = 0;
          if (clamp == ".satfinite" && (result & 0x7fff) == to.format.infinity()) --result;
          return result;
        };
        rows.push_back({std::string("cvt") + r.suffix + clamp + "." + to.name + "x2.f32 %d, %a, %b;",
                        {4},
                        {values, values},
                        [=](const Bits* in, Bits* out) { out[0] = narrow(in[0]) << 16 | narrow(in[1]); },
                        {}});
      }
    }
  }
  for (const auto& [name, round, relu] :
       {std::tuple{"cvt.rna.tf32.f32", Round::away, false}, std::tuple{"cvt.rn.tf32.f32", Round::even, false},
        std::tuple{"cvt.rz.tf32.f32", Round::zero, false},
        std::tuple{"cvt.rn.relu.tf32.f32", Round::even, true},
        std::tuple{"cvt.rz.relu.tf32.f32", Round::zero, true}}) {
    rows.push_back(
        {std::string(name) + " %d, %a;",
         {4},
         {rounding_floats(kF32)},
         [round = round, relu = relu](const Bits* in, Bits* out) {
           const Real value = decode(kF32, in[0]);
           out[0] = encode_tf32(value, round);
           if (relu && value.kind != Real::Kind::nan && (out[0] >> 31) != 0) out[0] = 0;
         },
         [](const Bits*, Bits expected, Bits got) { return is_nan(kF32, expected) && is_nan(kF32, got); }});
  }
  const struct {
    const char* name;
    int bits;
    bool is_signed;
  } narrow[] = {{"u16", 16, false}, {"s16", 16, true}, {"u8", 8, false}, {"s8", 8, true},
                {"u4", 4, false},   {"s4", 4, true},   {"u2", 2, false}, {"s2", 2, true}};
  for (const auto& to : narrow) {
    const auto part = [to](Bits word) {
      const I128 most = (I128{1} << (to.bits - (to.is_signed ? 1 : 0))) - 1,
                 least = to.is_signed ? -most - 1 : 0;
      return wrapped(std::min(std::max(kS32.value(word), least), most)) & ((Bits{1} << to.bits) - 1);
    };
    const bool halves = to.bits == 16;
    std::vector<Operand> operands{integers(4, true), integers(4, true)};
    if (!halves) operands.push_back(integers(4, true));
    rows.push_back(
        {std::string("cvt.pack.sat.") + to.name + ".s32" + (halves ? " %d, %a, %b;" : ".b32 %d, %a, %b, %c;"),
         {4},
         operands,
         [=](const Bits* in, Bits* out) {
           out[0] = part(in[0]) << to.bits | part(in[1]) | (halves ? 0 : in[2] << (2 * to.bits));
         },
         {}});
  }
}

}  // namespace

std::vector<Row> convert_rows() {
  std::vector<Row> rows;
  between_integers(rows);
  integers_to_floats(rows);
  floats_to_integers(rows);
  between_floats(rows);
  packed(rows);
  return rows;
}

}  // namespace softgpu::isa_test
