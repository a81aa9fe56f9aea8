// f32 and f64 arithmetic (PTX ISA 9.7.3): every rounding, .ftz, .sat.
//
// Left open by the manual, and how it is taken here: a NaN result of f32 is 0x7fffffff, of f64 any NaN; the
// sign of a NaN after abs and neg is anything; .sat of -0 may keep its sign. Subnormal results are flushed
// after rounding.
#include "values.h"

namespace softgpu::isa_test {

namespace {

struct Rounding {
  const char* suffix;
  Round round;
};
constexpr Rounding kRoundings[] = {
    {"", Round::even}, {".rn", Round::even}, {".rz", Round::zero}, {".rm", Round::down}, {".rp", Round::up}};

struct Modifiers {
  Rounding rounding;
  bool flushes = false, saturates = false;
  std::string text() const {
    return std::string(rounding.suffix) + (flushes ? ".ftz" : "") + (saturates ? ".sat" : "");
  }
  Real source(const Format& format, Bits bits) const {
    return decode(format, flushes ? flush(format, bits) : bits);
  }
  Bits result(const Format& format, const Real& value) const {
    Bits bits = encode(format, value, rounding.round);
    if (flushes) bits = flush(format, bits);
    if (saturates) {
      const Bits one = Bits(format.bias) << (format.precision - 1);
      if (value.kind == Real::Kind::nan || (bits & format.sign()) != 0) bits = 0;
      if (bits > one) bits = one;
    }
    return bits;
  }
};

std::vector<Modifiers> modifiers(bool single, bool default_rounding, bool saturating) {
  std::vector<Modifiers> result;
  for (const Rounding& rounding : kRoundings) {
    if (!default_rounding && rounding.suffix[0] == 0) continue;
    for (const bool flushes : {false, true}) {
      for (const bool saturates : {false, true}) {
        if ((flushes || saturates) && !single) continue;
        if (saturates && !saturating) continue;
        result.push_back({rounding, flushes, saturates});
      }
    }
  }
  return result;
}

std::function<bool(const Bits*, Bits, Bits)> any_nan(const Format& format) {
  if (format.precision != 53) return {};
  return [format](const Bits*, Bits expected, Bits got) {
    return is_nan(format, expected) && is_nan(format, got);
  };
}

void arithmetic(std::vector<Row>& rows, const Format& format) {
  const bool single = format.precision == 24;
  const std::string type = single ? ".f32" : ".f64";
  const int bytes = format.width() / 8;
  const Operand values = floats(format), few = floats(format, true);
  using Binary = Real (*)(const Real&, const Real&, Round);
  for (const auto& [name, f] :
       {std::pair<const char*, Binary>{
            "add", [](const Real&a, const Real&b, Round round) { return sum(a, b, round); }},
        {"sub",
         [](const Real&a, const Real&b, Round round) {
           Real c = b;
           c.negative = !c.negative;
           return sum(a, c, round);
         }},
        {"mul", [](const Real&a, const Real&b, Round) { return product(a, b); }}}) {
    for (const Modifiers& m : modifiers(single, true, true)) {
      rows.push_back({name + m.text() + type + " %d, %a, %b;",
                      {bytes},
                      {values, values},
                      [=, f = f](const Bits* in, Bits* out) {
                        out[0] = m.result(
                            format, f(m.source(format, in[0]), m.source(format, in[1]), m.rounding.round));
                      },
                      any_nan(format)});
    }
  }
  for (const char* name : {"fma", "mad"}) {
    for (const Modifiers& m : modifiers(single, false, true)) {
      rows.push_back({name + m.text() + type + " %d, %a, %b, %c;",
                      {bytes},
                      {few, few, few},
                      [=](const Bits* in, Bits* out) {
                        const Real factors = product(m.source(format, in[0]), m.source(format, in[1]));
                        out[0] = m.result(format, sum(factors, m.source(format, in[2]), m.rounding.round));
                      },
                      any_nan(format)});
    }
  }
  for (const Modifiers& m : modifiers(single, false, false)) {
    rows.push_back({"div" + m.text() + type + " %d, %a, %b;",
                    {bytes},
                    {values, values},
                    [=](const Bits* in, Bits* out) {
                      out[0] = m.result(format, quotient(m.source(format, in[0]), m.source(format, in[1])));
                    },
                    any_nan(format)});
    rows.push_back({"rcp" + m.text() + type + " %d, %a;",
                    {bytes},
                    {values},
                    [=](const Bits* in, Bits* out) {
                      out[0] = m.result(format, quotient(from_integer(1), m.source(format, in[0])));
                    },
                    any_nan(format)});
    rows.push_back(
        {"sqrt" + m.text() + type + " %d, %a;",
         {bytes},
         {values},
         [=](const Bits* in, Bits* out) { out[0] = m.result(format, square_root(m.source(format, in[0]))); },
         any_nan(format)});
  }
}

/// -0 < +0; magnitudes order like integers.
bool less(const Format& format, Bits a, Bits b) {
  const auto key = [&](Bits x) {
    const auto magnitude = static_cast<I128>(x & ~format.sign());
    return (x & format.sign()) != 0 ? -magnitude - 1 : magnitude;
  };
  return key(a) < key(b);
}

void extremes(std::vector<Row>& rows, const Format& format) {
  const bool single = format.precision == 24;
  const std::string type = single ? ".f32" : ".f64";
  const int bytes = format.width() / 8;
  for (const bool maximum : {false, true}) {
    for (const bool flushes : {false, true}) {
      for (const bool nan : {false, true}) {
        for (const bool xors : {false, true}) {
          if (!single && (flushes || nan || xors)) continue;
          const std::string name = std::string(maximum ? "max" : "min") + (flushes ? ".ftz" : "") +
                                   (nan ? ".NaN" : "") + (xors ? ".xorsign.abs" : "") + type;
          rows.push_back({name + " %d, %a, %b;",
                          {bytes},
                          {floats(format), floats(format)},
                          [=](const Bits* in, Bits* out) {
                            Bits a = in[0], b = in[1];
                            if (flushes) a = flush(format, a), b = flush(format, b);
                            const Bits sign = (a ^ b) & format.sign();
                            if (xors) a &= ~format.sign(), b &= ~format.sign();
                            const bool a_nan = is_nan(format, a), b_nan = is_nan(format, b);
                            if ((a_nan && b_nan) || (nan && (a_nan || b_nan))) {
                              out[0] = format.nan;
                              return;
                            }
                            out[0] = a_nan ? b : b_nan ? a : less(format, a, b) != maximum ? a : b;
                            if (xors) out[0] = (out[0] & ~format.sign()) | sign;
                          },
                          any_nan(format)});
        }
      }
    }
  }
}

void signs(std::vector<Row>& rows, const Format& format) {
  const bool single = format.precision == 24;
  const std::string type = single ? ".f32" : ".f64";
  const int bytes = format.width() / 8;
  const Operand values = floats(format);
  const auto sign_of_nan = [format](const Bits*, Bits expected, Bits got) {
    return is_nan(format, expected) && is_nan(format, got);
  };
  for (const bool flushes : {false, true}) {
    if (flushes && !single) continue;
    const std::string ftz = flushes ? ".ftz" : "";
    rows.push_back({"abs" + ftz + type + " %d, %a;",
                    {bytes},
                    {values},
                    [=](const Bits* in, Bits* out) {
                      out[0] = (flushes ? flush(format, in[0]) : in[0]) & ~format.sign();
                    },
                    sign_of_nan});
    rows.push_back({"neg" + ftz + type + " %d, %a;",
                    {bytes},
                    {values},
                    [=](const Bits* in, Bits* out) {
                      out[0] = (flushes ? flush(format, in[0]) : in[0]) ^ format.sign();
                    },
                    sign_of_nan});
  }
  rows.push_back(
      {"copysign" + type + " %d, %a, %b;",
       {bytes},
       {values, values},
       [=](const Bits* in, Bits* out) { out[0] = (in[0] & format.sign()) | (in[1] & ~format.sign()); },
       {}});
  const std::pair<const char*, bool (*)(const Format&, Bits)> tests[] = {
      {"finite", [](const Format& f, Bits a) { return (a & ~f.sign()) < f.infinity(); }},
      {"infinite", [](const Format& f, Bits a) { return (a & ~f.sign()) == f.infinity(); }},
      {"number", [](const Format& f, Bits a) { return !is_nan(f, a); }},
      {"notanumber", [](const Format& f, Bits a) { return is_nan(f, a); }},
      {"normal",
       [](const Format& f, Bits a) {
         return (a & ~f.sign()) < f.infinity() && (a & ~f.sign()) >> (f.precision - 1) != 0;
       }},
      {"subnormal", [](const Format& f, Bits a) { return is_subnormal(f, a); }}};
  for (const auto& [name, holds] : tests) {
    rows.push_back({std::string("testp.") + name + type + " %d, %a;",
                    {kPredicate},
                    {values},
                    [=, holds = holds](const Bits* in, Bits* out) { out[0] = holds(format, in[0]); },
                    {}});
  }
}

}  // namespace

std::vector<Row> floating_rows() {
  std::vector<Row> rows;
  for (const Format& format : {kF32, kF64}) {
    arithmetic(rows, format);
    extremes(rows, format);
    signs(rows, format);
  }
  const Operand f32 = floats(kF32);
  rows.push_back({"add.f32 %d, %a, 0f3F800001;",
                  {4},
                  {f32},
                  [](const Bits* in, Bits* out) {
                    out[0] = encode(kF32, sum(decode(kF32, in[0]), decode(kF32, 0x3f800001), Round::even),
                                    Round::even);
                  },
                  {}});
  rows.push_back({"mul.f64 %d, %a, 0dBFE8000000000000;",
                  {8},
                  {floats(kF64)},
                  [](const Bits* in, Bits* out) {
                    out[0] = encode(kF64, product(decode(kF64, in[0]), decode(kF64, 0xbfe8000000000000)),
                                    Round::even);
                  },
                  any_nan(kF64)});
  return rows;
}

}  // namespace softgpu::isa_test
