// The approximate functions (PTX ISA 9.7.3, 9.7.4) against the manual's error bounds as far as memory has
// them, as they are and under SOFTGPU_APPROXIMATE=perturbed. The reference is computed in long double.
//
// Bounds: rcp 1 ulp, sqrt 2^-23, rsqrt 2^-22.9, tanh 2^-11 relative; ex2 2 ulp; lg2 2^-22, absolute on
// (0.5, 2), else relative; sin and cos 2^-20.5 absolute on [-2 pi, 2 pi], 2^-14.7 on [-100 pi, 100 pi], none
// beyond (there any number in [-1.1, 1.1] is accepted); div.approx and div.full 2 ulp. Zeros and infinities
// have exact results.
#include <bit>
#include <cmath>

#include "values.h"

namespace softgpu::isa_test {

namespace {

long double value_of(const Format& format, Bits bits) {
  const Real real = decode(format, bits);
  if (real.kind == Real::Kind::nan) return std::nanl("");
  const long double magnitude =
      real.kind == Real::Kind::infinite
          ? HUGE_VALL
          : std::ldexp(static_cast<long double>(static_cast<Bits>(real.significand.low)), real.exponent);
  return real.negative ? -magnitude : magnitude;
}

/// Of y's nearest number.
long double ulp(const Format& format, long double y) {
  y *= 1 + std::ldexp(1.0L, -format.precision - 1);
  const int least = 1 - format.bias, exponent = y == 0 ? least : std::max(std::ilogb(y), least);
  return std::ldexp(1.0L, exponent - format.precision + 1);
}

/// Whether `got` lies within `error` of y; beyond the largest number infinity does, and where subnormals are
/// flushed a zero stands for them.
bool within(const Format& format, Bits got, long double y, long double error, bool flushes) {
  const long double value = value_of(format, got);
  if (std::isnan(y)) return std::isnan(value);
  if (std::isinf(y)) return value == y;
  if (flushes && is_subnormal(format, got)) return false;
  const long double least = std::ldexp(1.0L, 1 - format.bias), most = value_of(format, format.infinity() - 1);
  if (flushes && value == 0 && std::fabs(y) - error < least)
    return std::signbit(value) == std::signbit(y) || y == 0;
  if (std::isinf(value))
    return std::signbit(value) == std::signbit(y) && std::fabs(y) + error >= most + ulp(format, most) / 2;
  if (error == 0 && y == 0) return value == 0 && std::signbit(value) == std::signbit(y);
  return std::fabs(value - y) <= error + std::fabs(y) * 0x1p-52L;  // the machine knows y to 53 bits
}

using Function = long double (*)(long double);
using Error = long double (*)(long double x, long double y);

void function(std::vector<Row>& rows, const std::string& name, const Format& format, const std::string& type,
              bool flushes, Function f, Error error, const Operand& values) {
  const int bytes = format.width() / 8;
  for (const bool perturb : {false, true}) {
    const auto exact = [=](Bits a) { return f(value_of(format, flushes ? flush(format, a) : a)); };
    rows.push_back({name + (flushes ? ".ftz" : "") + type + " %d, %a;",
                    {bytes},
                    {values},
                    [=](const Bits* in, Bits* out) {
                      // What is nearest, to see that perturbed results differ; f32 goes through f64, which is
                      // near enough.
                      const Bits as_f64 = std::bit_cast<Bits>(static_cast<double>(exact(in[0])));
                      out[0] = encode(format, decode(kF64, as_f64), Round::even);
                      if (flushes) out[0] = flush(format, out[0]);
                    },
                    [=](const Bits* in, Bits, Bits got) {
                      const long double x = value_of(format, flushes ? flush(format, in[0]) : in[0]),
                                        y = exact(in[0]);
                      // A bound below half an ulp is that of the result before its rounding to the format.
                      const long double bound =
                          x == 0 || std::isinf(x) ? 0 : std::max(error(x, y), ulp(format, y) / 2);
                      return within(format, got, y, bound, flushes);
                    },
                    perturb});
  }
}

Operand arguments_of_f32() {
  Operand result = floats(kF32);
  for (Bits i = 0; i < 3000; ++i) {
    result.values.push_back(random_bits(i + 5000) & 0xffffffff);  // anywhere
    result.values.push_back(0x3e000000 +
                            (random_bits(i + 9000) & 0x80ffffff) * 3 / 2 % 0x06000000);  // 2^-3 .. 2^9
    result.values.push_back((0x3e000000 + random_bits(i + 12000) % 0x06000000) | 0x80000000);
  }
  return result;
}

void single(std::vector<Row>& rows) {
  const Operand values = arguments_of_f32();
  for (const bool flushes : {false, true}) {
    const auto add = [&](const char* name, Function f, Error error) {
      function(rows, name, kF32, ".f32", flushes, f, error, values);
    };
    add(
        "rcp.approx", [](long double x) { return 1 / x; },
        [](long double, long double y) { return ulp(kF32, y); });
    add(
        "sqrt.approx", [](long double x) { return std::sqrt(x); },
        [](long double, long double y) { return 0x1p-23L * y; });
    add(
        "rsqrt.approx", [](long double x) { return 1 / std::sqrt(x); },
        [](long double, long double y) { return std::exp2(-22.9L) * std::fabs(y); });
    add(
        "ex2.approx", [](long double x) { return std::exp2(x); },
        [](long double, long double y) { return 2 * ulp(kF32, y); });
    add(
        "lg2.approx", [](long double x) { return std::log2(x); },
        [](long double x, long double y) { return x > 0.5L && x < 2 ? 0x1p-22L : 0x1p-22L * std::fabs(y); });
    constexpr Error kAngle = [](long double x, long double) {
      const long double turns = std::fabs(x) / 3.14159265358979323846L;
      return turns <= 2 ? std::exp2(-20.5L) : turns <= 100 ? std::exp2(-14.7L) : 1.1L;
    };
    add(
        "sin.approx", [](long double x) { return std::sin(x); }, kAngle);
    add(
        "cos.approx", [](long double x) { return std::cos(x); }, kAngle);
    if (!flushes)
      add(
          "tanh.approx", [](long double x) { return std::tanh(x); },
          [](long double, long double y) { return 0x1p-11L * std::fabs(y); });
    for (const char* name : {"div.approx", "div.full"}) {
      const bool full = name[4] == 'f';
      for (const bool perturb : {false, true}) {
        const auto source = [=](Bits a) { return flushes ? flush(kF32, a) : a; };
        const auto exact = [=](const Bits* in) {
          const Bits a = source(in[0]), b = source(in[1]), magnitude = b & 0x7fffffff;
          if (!full && magnitude > 0x7e800000 && magnitude < 0x7f800000) {  // 2^126 < |b| < 2^128
            const bool bad = (a & 0x7fffffff) >= 0x7f800000;
            return bad ? std::nanl("") : ((a ^ b) & 0x80000000) != 0 ? -0.0L : 0.0L;
          }
          return value_of(kF32, a) / value_of(kF32, b);
        };
        rows.push_back({std::string(name) + (flushes ? ".ftz" : "") + ".f32 %d, %a, %b;",
                        {4},
                        {floats(kF32), floats(kF32)},
                        [=](const Bits* in, Bits* out) {
                          const Bits as_f64 = std::bit_cast<Bits>(static_cast<double>(exact(in)));
                          out[0] = encode(kF32, decode(kF64, as_f64), Round::even);
                        },
                        [=](const Bits* in, Bits, Bits got) {
                          const long double y = exact(in);
                          return within(kF32, got, y, y == 0 ? 0 : 2 * ulp(kF32, y), flushes);
                        },
                        perturb});
      }
    }
  }
}

/// The seeds of double-precision division and root: 20 bits of fraction in, 32 zero bits below the result.
void seeds(std::vector<Row>& rows) {
  Operand values = floats(kF64);
  for (Bits i = 0; i < 500; ++i) values.values.push_back(random_bits(i + 300));
  for (const bool root : {false, true}) {
    rows.push_back({std::string(root ? "rsqrt" : "rcp") + ".approx.ftz.f64 %d, %a;",
                    {8},
                    {values},
                    [](const Bits*, Bits* out) { out[0] = 0; },
                    [root](const Bits* in, Bits, Bits got) {
                      const long double x = value_of(kF64, flush(kF64, in[0]));
                      const long double y = root ? 1 / std::sqrt(x) : 1 / x;
                      return (got & 0xffffffff) == 0 &&
                             within(kF64, got, y, std::isinf(x) ? 0 : 0x1p-19L * std::fabs(y), true);
                    }});
  }
  rows.push_back({"rsqrt.approx.f64 %d, %a;",
                  {8},
                  {values},
                  [](const Bits*, Bits* out) { out[0] = 0; },
                  [](const Bits* in, Bits, Bits got) {
                    const long double x = value_of(kF64, in[0]), y = 1 / std::sqrt(x);
                    return within(kF64, got, y,
                                  x == 0 || std::isinf(x) ? 0 : std::exp2(-22.9L) * std::fabs(y), false);
                  }});
}

/// On every argument. ex2: 2^-9.9 (f16), 2^-7 (bf16) relative; tanh: 2^-10.987, 2^-8 absolute. From memory:
/// the bounds of these eight forms are the least certain of this file.
void halves(std::vector<Row>& rows) {
  const auto exp2 = [](long double x) { return std::exp2(x); };
  const auto tanh = [](long double x) { return std::tanh(x); };
  const Operand all = all_halves();
  function(
      rows, "ex2.approx", kF16, ".f16", false, exp2,
      [](long double, long double y) { return std::exp2(-9.9L) * y; }, all);
  function(
      rows, "ex2.approx", kBf16, ".bf16", true, exp2, [](long double, long double y) { return 0x1p-7L * y; },
      all);
  function(
      rows, "tanh.approx", kF16, ".f16", false, tanh,
      [](long double, long double) { return std::exp2(-10.987L); }, all);
  function(
      rows, "tanh.approx", kBf16, ".bf16", false, tanh, [](long double, long double) { return 0x1p-8L; },
      all);
  // Both halves of a pair, the scalar form telling what each must be.
  Operand pairs{4, {}};
  for (Bits i = 0; i < 3000; ++i) pairs.values.push_back(random_bits(i + 20000) & 0xffffffff);
  for (const auto& [name, type] : {std::pair{"ex2.approx", ".f16"},
                                   {"tanh.approx", ".f16"},
                                   {"ex2.approx.ftz", ".bf16"},
                                   {"tanh.approx", ".bf16"}}) {
    const std::string scalar = std::string(name) + type;
    rows.push_back({scalar + "x2 %t32, %a; mov.b32 {%t16, %u16}, %a; " + scalar + " %t16, %t16; " + scalar +
                        " %u16, %u16; mov.b32 %u32, {%t16, %u16}; xor.b32 %d, %t32, %u32;",
                    {4},
                    {pairs},
                    [](const Bits*, Bits* out) { out[0] = 0; },
                    {},
                    false,
                    false});
  }
}

}  // namespace

std::vector<Row> approximate_rows() {
  std::vector<Row> rows;
  single(rows);
  seeds(rows);
  halves(rows);
  return rows;
}

}  // namespace softgpu::isa_test
