// f16, f16x2, bf16, bf16x2 (PTX ISA 9.7.4): each result is rounded once, shown on every value of one operand
// and densely on the others.
//
// A NaN result is 0x7fff; the sign of a NaN after abs and neg is anything.
#include "values.h"

namespace softgpu::isa_test {

namespace {

struct Modifiers {
  bool flushes = false, saturates = false, relu = false;
  std::string text() const {
    return std::string(flushes ? ".ftz" : "") + (saturates ? ".sat" : "") + (relu ? ".relu" : "");
  }
  Real source(const Format& format, Bits bits) const {
    return decode(format, flushes ? flush(format, bits) : bits);
  }
  Bits result(const Format& format, const Real& value) const {
    Bits bits = encode(format, value, Round::even);
    if (flushes) bits = flush(format, bits);
    const Bits one = Bits(format.bias) << (format.precision - 1);
    const bool nan = value.kind == Real::Kind::nan;
    if (saturates) bits = nan || (bits & format.sign()) != 0 ? 0 : std::min(bits, one);
    if (relu && !nan && (bits & format.sign()) != 0) bits = 0;
    return bits;
  }
};

using Function = std::function<Bits(Bits, Bits, Bits)>;

/// The scalar and the packed form: both halves of a pair, the other half holding a different value.
void both_forms(std::vector<Row>& rows, const std::string& name, const std::string& type,
                std::vector<Operand> operands, const Function& f, const Format& format,
                bool any_sign_of_nan = false) {
  static constexpr const char* kNames[] = {" %d, %a;", " %d, %a, %b;", " %d, %a, %b, %c;"};
  const std::string list = kNames[operands.size() - 1];
  const auto same = [=](Bits expected, Bits got) {
    return expected == got || (any_sign_of_nan && is_nan(format, expected) && is_nan(format, got));
  };
  rows.push_back({name + type + list,
                  {2},
                  operands,
                  [f](const Bits* in, Bits* out) { out[0] = f(in[0], in[1], in[2]); },
                  [=](const Bits*, Bits expected, Bits got) { return same(expected, got); }});
  std::vector<Operand> pairs = operands;
  for (Operand& each : pairs) {
    const std::vector<Bits> halves = each.values;
    const std::size_t n = std::min<std::size_t>(halves.size(), operands.size() == 1   ? 1024
                                                               : operands.size() == 2 ? 120
                                                                                      : 26);
    each = {4, {}};
    for (std::size_t i = 0; i < n; ++i) {
      each.values.push_back(halves[i * halves.size() / n] << 16 | halves[(i * 7 + 3) % halves.size()]);
    }
  }
  rows.push_back({name + type + "x2" + list,
                  {4},
                  pairs,
                  [f](const Bits* in, Bits* out) {
                    out[0] = f(in[0] >> 16, in[1] >> 16, in[2] >> 16) << 16 |
                             f(in[0] & 0xffff, in[1] & 0xffff, in[2] & 0xffff);
                  },
                  [=](const Bits*, Bits expected, Bits got) {
                    return same(expected >> 16, got >> 16) && same(expected & 0xffff, got & 0xffff);
                  }});
}

void arithmetic(std::vector<Row>& rows, const Format& format, const std::string& type) {
  const bool brain = format.precision == 8;
  const std::vector<Operand> two{dense_halves(format, 90), dense_halves(format, 90)};
  const std::vector<Operand> three{floats(format, true), dense_halves(format, 8), floats(format, true)};
  for (const bool flushes : {false, true}) {
    for (const bool saturates : {false, true}) {
      if (brain && (flushes || saturates)) continue;
      const Modifiers m{flushes, saturates};
      for (const char* rounding : {"", ".rn"}) {
        both_forms(
            rows, "add" + std::string(rounding) + m.text(), type, two,
            [=](Bits a, Bits b, Bits) {
              return m.result(format, sum(m.source(format, a), m.source(format, b), Round::even));
            },
            format);
        both_forms(
            rows, "sub" + std::string(rounding) + m.text(), type, two,
            [=](Bits a, Bits b, Bits) {
              Real minus = m.source(format, b);
              minus.negative = !minus.negative;
              return m.result(format, sum(m.source(format, a), minus, Round::even));
            },
            format);
        both_forms(
            rows, "mul" + std::string(rounding) + m.text(), type, two,
            [=](Bits a, Bits b, Bits) {
              return m.result(format, product(m.source(format, a), m.source(format, b)));
            },
            format);
      }
    }
    for (const char* clamp : {"", ".sat", ".relu"}) {
      if (brain && (flushes || clamp == std::string(".sat"))) continue;
      const Modifiers m{flushes, clamp == std::string(".sat"), clamp == std::string(".relu")};
      both_forms(
          rows, "fma.rn" + m.text(), type, three,
          [=](Bits a, Bits b, Bits c) {
            return m.result(format, sum(product(m.source(format, a), m.source(format, b)),
                                        m.source(format, c), Round::even));
          },
          format);
    }
  }
  // One rounding of the fused product on every value of a: a * b + c with c far below, near and far above.
  const Modifiers plain;
  const Operand factor{2, {Bits(format.bias) << (format.precision - 1) | 1, random_bits(9) & 0x7fff}};
  Operand addend{2, {0x0001, 0x8001, random_bits(8) & 0xffff}};
  rows.push_back({"fma.rn" + type + " %d, %a, %b, %c;",
                  {2},
                  {all_halves(), factor, addend},
                  [=](const Bits* in, Bits* out) {
                    out[0] = plain.result(
                        format, sum(product(plain.source(format, in[0]), plain.source(format, in[1])),
                                    plain.source(format, in[2]), Round::even));
                  },
                  {}});
}

bool less(Bits a, Bits b) {
  const auto key = [](Bits x) {
    const auto magnitude = static_cast<int>(x & 0x7fff);
    return (x & 0x8000) != 0 ? -magnitude - 1 : magnitude;
  };
  return key(a) < key(b);
}

void selections(std::vector<Row>& rows, const Format& format, const std::string& type) {
  const bool brain = format.precision == 8;
  const std::vector<Operand> two{dense_halves(format, 60), dense_halves(format, 60)};
  for (const bool flushes : {false, true}) {
    if (brain && flushes) continue;
    const std::string ftz = flushes ? ".ftz" : "";
    const auto source = [=](Bits a) { return flushes ? flush(format, a) : a; };
    for (const bool maximum : {false, true}) {
      for (const bool nan : {false, true}) {
        for (const bool xors : {false, true}) {
          both_forms(
              rows,
              std::string(maximum ? "max" : "min") + ftz + (nan ? ".NaN" : "") + (xors ? ".xorsign.abs" : ""),
              type, two,
              [=](Bits a, Bits b, Bits) {
                a = source(a), b = source(b);
                const Bits sign = (a ^ b) & 0x8000;
                if (xors) a &= 0x7fff, b &= 0x7fff;
                const bool a_nan = is_nan(format, a), b_nan = is_nan(format, b);
                if ((a_nan && b_nan) || (nan && (a_nan || b_nan))) return Bits{0x7fff};
                const Bits d = a_nan ? b : b_nan ? a : less(a, b) != maximum ? a : b;
                return xors ? (d & 0x7fff) | sign : d;
              },
              format);
        }
      }
    }
    both_forms(
        rows, "abs" + ftz, type, {all_halves()}, [=](Bits a, Bits, Bits) { return source(a) & 0x7fff; },
        format, true);
    both_forms(
        rows, "neg" + ftz, type, {all_halves()}, [=](Bits a, Bits, Bits) { return source(a) ^ 0x8000; },
        format, true);
  }
}

}  // namespace

std::vector<Row> half_rows() {
  std::vector<Row> rows;
  arithmetic(rows, kF16, ".f16");
  arithmetic(rows, kBf16, ".bf16");
  selections(rows, kF16, ".f16");
  selections(rows, kBf16, ".bf16");
  return rows;
}

}  // namespace softgpu::isa_test
