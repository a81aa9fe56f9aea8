// Integer arithmetic (PTX ISA 9.7.1) and extended precision (9.7.2).
#include "values.h"

namespace softgpu::isa_test {

namespace {

std::string three(const std::string& name) { return name + " %d, %a, %b;"; }
std::string four(const std::string& name) { return name + " %d, %a, %b, %c;"; }

Bits wrapped(I128 value) { return static_cast<Bits>(static_cast<U128>(value)); }
Bits saturated(I128 value) {
  return wrapped(value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : value);
}

/// The full product's upper half: of 64-bit types it does not fit 128 signed bits for u64 * u64.
Bits high_half(const Integer& type, Bits a, Bits b) {
  if (!type.is_signed) {
    return static_cast<Bits>(static_cast<U128>(low_bits(a, type.bytes)) * low_bits(b, type.bytes) >>
                             (8 * type.bytes));
  }
  return wrapped(type.value(a) * type.value(b) >> (8 * type.bytes));
}
Bits low_half(const Integer& type, Bits a, Bits b) {
  return low_bits(low_bits(a, type.bytes) * low_bits(b, type.bytes), type.bytes);
}

void two_operands(std::vector<Row>& rows) {
  for (const Integer& type : kIntegers) {
    const std::string suffix = std::string(".") + type.name;
    const Operand values = integers(type.bytes);
    const auto add = [&](const std::string& name, std::function<Bits(Bits, Bits)> f) {
      rows.push_back({three(name),
                      {type.bytes},
                      {values, values},
                      [f](const Bits* in, Bits* out) { out[0] = f(in[0], in[1]); },
                      {}});
    };
    add("add" + suffix, [type](Bits a, Bits b) { return wrapped(type.value(a) + type.value(b)); });
    add("sub" + suffix, [type](Bits a, Bits b) { return wrapped(type.value(a) - type.value(b)); });
    add("mul.lo" + suffix, [type](Bits a, Bits b) { return low_half(type, a, b); });
    add("mul.hi" + suffix, [type](Bits a, Bits b) { return high_half(type, a, b); });
    add("min" + suffix, [type](Bits a, Bits b) { return type.value(a) < type.value(b) ? a : b; });
    add("max" + suffix, [type](Bits a, Bits b) { return type.value(a) > type.value(b) ? a : b; });
    // A zero divisor has no defined result and is reported (control_test); the quotient of the least value
    // and -1 wraps, as hardware does.
    Operand divisors = values;
    divisors.values.erase(divisors.values.begin());
    rows.push_back(
        {three("div" + suffix),
         {type.bytes},
         {values, divisors},
         [type](const Bits* in, Bits* out) { out[0] = wrapped(type.value(in[0]) / type.value(in[1])); },
         {}});
    rows.push_back(
        {three("rem" + suffix),
         {type.bytes},
         {values, divisors},
         [type](const Bits* in, Bits* out) { out[0] = wrapped(type.value(in[0]) % type.value(in[1])); },
         {}});
    if (type.is_signed) {
      rows.push_back({"abs" + suffix + " %d, %a;",
                      {type.bytes},
                      {values},
                      [type](const Bits* in, Bits* out) {
                        out[0] = wrapped(type.value(in[0]) < 0 ? -type.value(in[0]) : type.value(in[0]));
                      },
                      {}});
      rows.push_back({"neg" + suffix + " %d, %a;",
                      {type.bytes},
                      {values},
                      [type](const Bits* in, Bits* out) { out[0] = wrapped(-type.value(in[0])); },
                      {}});
    }
    if (type.bytes < 8) {
      rows.push_back(
          {three("mul.wide" + suffix),
           {2 * type.bytes},
           {values, values},
           [type](const Bits* in, Bits* out) { out[0] = wrapped(type.value(in[0]) * type.value(in[1])); },
           {}});
    }
  }
  const Operand words = integers(4);
  const auto binary_s32 = [&](const std::string& name, I128 (*f)(I128, I128)) {
    rows.push_back(
        {three(name),
         {4},
         {words, words},
         [f](const Bits* in, Bits* out) { out[0] = saturated(f(kS32.value(in[0]), kS32.value(in[1]))); },
         {}});
  };
  binary_s32("add.sat.s32", [](I128 a, I128 b) { return a + b; });
  binary_s32("sub.sat.s32", [](I128 a, I128 b) { return a - b; });
  rows.push_back(
      {"add.s32 %d, %a, -7;", {4}, {words}, [](const Bits* in, Bits* out) { out[0] = in[0] - 7; }, {}});
  rows.push_back({"sub.s64 %d, -9223372036854775808, %a;",
                  {8},
                  {integers(8)},
                  [](const Bits* in, Bits* out) { out[0] = (Bits{1} << 63) - in[0]; },
                  {}});
  rows.push_back({"add.s16 %d, %a, 0x7fff;",
                  {2},
                  {integers(2)},
                  [](const Bits* in, Bits* out) { out[0] = in[0] + 0x7fff; },
                  {}});
}

void three_operands(std::vector<Row>& rows) {
  for (const Integer& type : kIntegers) {
    const std::string suffix = std::string(".") + type.name;
    const Operand values = integers(type.bytes, true);
    rows.push_back({four("mad.lo" + suffix),
                    {type.bytes},
                    {values, values, values},
                    [type](const Bits* in, Bits* out) { out[0] = low_half(type, in[0], in[1]) + in[2]; },
                    {}});
    rows.push_back({four("mad.hi" + suffix),
                    {type.bytes},
                    {values, values, values},
                    [type](const Bits* in, Bits* out) { out[0] = high_half(type, in[0], in[1]) + in[2]; },
                    {}});
    rows.push_back({four("sad" + suffix),
                    {type.bytes},
                    {values, values, values},
                    [type](const Bits* in, Bits* out) {
                      const I128 difference = type.value(in[0]) - type.value(in[1]);
                      out[0] = wrapped(type.value(in[2]) + (difference < 0 ? -difference : difference));
                    },
                    {}});
    if (type.bytes < 8) {
      rows.push_back({four("mad.wide" + suffix),
                      {2 * type.bytes},
                      {values, values, integers(2 * type.bytes, true)},
                      [type](const Bits* in, Bits* out) {
                        out[0] = wrapped(type.value(in[0]) * type.value(in[1])) + in[2];
                      },
                      {}});
    }
  }
  const Operand words = integers(4, true);
  rows.push_back({four("mad.hi.sat.s32"),
                  {4},
                  {words, words, words},
                  [](const Bits* in, Bits* out) {
                    out[0] = saturated((kS32.value(in[0]) * kS32.value(in[1]) >> 32) + kS32.value(in[2]));
                  },
                  {}});
  for (const bool is_signed : {false, true}) {
    const std::string suffix = is_signed ? ".s32" : ".u32";
    // 24-bit operands; .lo the low 32 bits of the 48-bit product, .hi its high 32.
    const auto part = [is_signed](Bits a, Bits b, bool high) {
      const auto cut = [is_signed](Bits x) {
        const I128 low = static_cast<I128>(x & 0xffffff);
        return is_signed && (x & 0x800000) != 0 ? low - 0x1000000 : low;
      };
      const I128 full = cut(a) * cut(b);
      return wrapped(high ? full >> 16 : full) & 0xffffffff;
    };
    for (const bool high : {false, true}) {
      const std::string half = high ? ".hi" : ".lo";
      rows.push_back({three("mul24" + half + suffix),
                      {4},
                      {integers(4), integers(4)},
                      [part, high](const Bits* in, Bits* out) { out[0] = part(in[0], in[1], high); },
                      {}});
      rows.push_back({four("mad24" + half + suffix),
                      {4},
                      {words, words, words},
                      [part, high](const Bits* in, Bits* out) { out[0] = part(in[0], in[1], high) + in[2]; },
                      {}});
    }
    if (is_signed) {
      rows.push_back({four("mad24.hi.sat.s32"),
                      {4},
                      {words, words, words},
                      [part](const Bits* in, Bits* out) {
                        out[0] = saturated(as_signed(part(in[0], in[1], true), 4) + kS32.value(in[2]));
                      },
                      {}});
    }
  }
}

/// Chains as compilers write them: %d the low word, %e the high word.
void carries(std::vector<Row>& rows) {
  for (const Integer& type : {kU32, kS32, kIntegers[4], kIntegers[5]}) {
    const std::string t = std::string(".") + type.name;
    const int bytes = type.bytes, bits = 8 * bytes;
    const Operand values = integers(bytes, true);
    const auto whole = [bits, bytes](Bits low, Bits high) {
      return static_cast<U128>(low_bits(high, bytes)) << bits | low_bits(low, bytes);
    };
    const auto store = [bits](U128 value, Bits* out) {
      out[0] = static_cast<Bits>(value);
      out[1] = static_cast<Bits>(value >> bits);
    };
    rows.push_back({"add.cc" + t + " %d, %a, %c; addc" + t + " %e, %b, %f;",
                    {bytes, bytes},
                    {values, values, values, values},
                    [=](const Bits* in, Bits* out) { store(whole(in[0], in[1]) + whole(in[2], in[3]), out); },
                    {},
                    false,
                    false});
    rows.push_back({"sub.cc" + t + " %d, %a, %c; subc" + t + " %e, %b, %f;",
                    {bytes, bytes},
                    {values, values, values, values},
                    [=](const Bits* in, Bits* out) { store(whole(in[0], in[1]) - whole(in[2], in[3]), out); },
                    {},
                    false,
                    false});
    // A carry that ripples through: a + b to two words, then the flag alone.
    rows.push_back({"add.cc" + t + " %d, %a, %b; addc.cc" + t + " %e, %c, 0; addc" + t + " %g, 0, 0;",
                    {bytes, bytes, bytes},
                    {values, values, values},
                    [=](const Bits* in, Bits* out) {
                      const U128 low = static_cast<U128>(low_bits(in[0], bytes)) + low_bits(in[1], bytes);
                      const U128 high = static_cast<U128>(low_bits(in[2], bytes)) + (low >> bits);
                      out[0] = static_cast<Bits>(low);
                      out[1] = static_cast<Bits>(high);
                      out[2] = static_cast<Bits>(high >> bits);
                    },
                    {},
                    false,
                    false});
    rows.push_back({"sub.cc" + t + " %d, %a, %b; subc.cc" + t + " %e, %c, 0; subc" + t + " %g, 0, 0;",
                    {bytes, bytes, bytes},
                    {values, values, values},
                    [=](const Bits* in, Bits* out) {
                      const bool borrow = low_bits(in[0], bytes) < low_bits(in[1], bytes);
                      out[0] = in[0] - in[1];
                      out[1] = in[2] - (borrow ? 1 : 0);
                      out[2] = borrow && low_bits(in[2], bytes) == 0 ? ~Bits{0} : 0;
                    },
                    {},
                    false,
                    false});
    // The product with a sum on top, as wide multiplications are built: the carry of lo goes into hi.
    rows.push_back(
        {"mad.lo.cc" + t + " %d, %a, %b, %c; madc.hi.cc" + t + " %e, %a, %b, %f; addc" + t + " %g, 0, 0;",
         {bytes, bytes, bytes},
         {values, values, values, values},
         [=](const Bits* in, Bits* out) {
           const U128 low = static_cast<U128>(low_half(type, in[0], in[1])) + low_bits(in[2], bytes);
           const U128 high = static_cast<U128>(low_bits(high_half(type, in[0], in[1]), bytes)) +
                             low_bits(in[3], bytes) + (low >> bits);
           out[0] = static_cast<Bits>(low);
           out[1] = static_cast<Bits>(high);
           out[2] = static_cast<Bits>(high >> bits);
         },
         {},
         false,
         false});
    rows.push_back({"mad.hi.cc" + t + " %d, %a, %b, %c; madc.lo" + t + " %e, %a, %b, %f;",
                    {bytes, bytes},
                    {values, values, values, values},
                    [=](const Bits* in, Bits* out) {
                      const U128 low = static_cast<U128>(low_bits(high_half(type, in[0], in[1]), bytes)) +
                                       low_bits(in[2], bytes);
                      out[0] = static_cast<Bits>(low);
                      out[1] = low_half(type, in[0], in[1]) + in[3] + static_cast<Bits>(low >> bits);
                    },
                    {},
                    false,
                    false});
  }
}

/// Sums of products of bytes, and of halves with bytes.
void dot_products(std::vector<Row>& rows) {
  const Operand words{4,
                      {0, 0x01020304, 0xffffffff, 0x80808080, 0x7f7f7f7f, 0x80ff7f01, 0x8000ffff, 0x7fff8000,
                       0xdeadbeef, 0x00ff00ff}};
  const Operand sums{4, {0, 1, 0x7fffffff, 0x80000000, 0xffffffff}};
  for (const bool a_signed : {false, true}) {
    for (const bool b_signed : {false, true}) {
      const std::string types = std::string(a_signed ? ".s32" : ".u32") + (b_signed ? ".s32" : ".u32");
      const auto part = [](Bits word, int at, int bytes, bool is_signed) {
        const Bits cut = low_bits(word >> (8 * at), bytes);
        return is_signed ? as_signed(cut, bytes) : static_cast<I128>(cut);
      };
      rows.push_back({four("dp4a" + types),
                      {4},
                      {words, words, sums},
                      [=](const Bits* in, Bits* out) {
                        I128 sum = static_cast<I128>(in[2]);
                        for (int i = 0; i < 4; ++i)
                          sum += part(in[0], i, 1, a_signed) * part(in[1], i, 1, b_signed);
                        out[0] = wrapped(sum);
                      },
                      {}});
      for (const bool high : {false, true}) {
        rows.push_back({four(std::string("dp2a") + (high ? ".hi" : ".lo") + types),
                        {4},
                        {words, words, sums},
                        [=](const Bits* in, Bits* out) {
                          I128 sum = static_cast<I128>(in[2]);
                          for (int i = 0; i < 2; ++i) {
                            sum += part(in[0], 2 * i, 2, a_signed) *
                                   part(in[1], i + (high ? 2 : 0), 1, b_signed);
                          }
                          out[0] = wrapped(sum);
                        },
                        {}});
      }
    }
  }
}

}  // namespace

std::vector<Row> integer_rows() {
  std::vector<Row> rows;
  two_operands(rows);
  three_operands(rows);
  carries(rows);
  dot_products(rows);
  return rows;
}

}  // namespace softgpu::isa_test
