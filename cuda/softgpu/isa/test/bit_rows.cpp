// Logic, shifts, bit fields (PTX ISA 9.7.1 and 9.7.8) and the byte-wise video instruction vabsdiff4.
#include "values.h"

namespace softgpu::isa_test {

namespace {

void logic(std::vector<Row>& rows) {
  for (const int bytes : {kPredicate, 2, 4, 8}) {
    const std::string type = bytes == kPredicate ? ".pred" : ".b" + std::to_string(8 * bytes);
    const Operand values = bytes == kPredicate ? predicates() : integers(bytes);
    const bool strict = bytes != kPredicate;  // a false operand decides an and
    const auto add = [&](const std::string& name, Bits (*f)(Bits, Bits)) {
      rows.push_back({name + type + " %d, %a, %b;",
                      {bytes},
                      {values, values},
                      [f](const Bits* in, Bits* out) { out[0] = f(in[0], in[1]); },
                      {},
                      false,
                      strict});
    };
    add("and", [](Bits a, Bits b) { return a & b; });
    add("or", [](Bits a, Bits b) { return a | b; });
    add("xor", [](Bits a, Bits b) { return a ^ b; });
    rows.push_back({"not" + type + " %d, %a;",
                    {bytes},
                    {values},
                    [bytes](const Bits* in, Bits* out) { out[0] = bytes == kPredicate ? in[0] ^ 1 : ~in[0]; },
                    {}});
    if (bytes != kPredicate) {
      rows.push_back({"cnot" + type + " %d, %a;",
                      {bytes},
                      {values},
                      [](const Bits* in, Bits* out) { out[0] = in[0] == 0 ? 1 : 0; },
                      {}});
    }
  }
  const Operand words{4, {0xf0f0ccaa, 0x00ff33cc, 0xdeadbeef, 0}};
  for (int table = 0; table < 256; ++table) {
    const auto lookup = [table](const Bits* in) {
      Bits result = 0;
      for (int i = 0; i < 32; ++i) {
        const auto index = (in[0] >> i & 1) * 4 + (in[1] >> i & 1) * 2 + (in[2] >> i & 1);
        result |= (static_cast<Bits>(table) >> index & 1) << i;
      }
      return result;
    };
    rows.push_back({"lop3.b32 %d, %a, %b, %c, " + std::to_string(table) + ";",
                    {4},
                    {words, words, words},
                    [lookup](const Bits* in, Bits* out) { out[0] = lookup(in); },
                    {}});
    if (table % 37 != 0) continue;
    for (const bool both : {false, true}) {  // p = (d != 0) BoolOp q
      rows.push_back({std::string("lop3.") + (both ? "and" : "or") + ".b32 %d|%e, %a, %b, %c, " +
                          std::to_string(table) + ", %f;",
                      {4, kPredicate},
                      {words, words, words, predicates()},
                      [lookup, both](const Bits* in, Bits* out) {
                        out[0] = lookup(in);
                        const Bits some = out[0] != 0 ? 1 : 0;
                        out[1] = both ? some & in[3] : some | in[3];
                      },
                      {},
                      false,
                      false});
    }
  }
}

/// Shifts by a width or more give zero, or the sign; amounts are u32 whatever the type.
void shifts(std::vector<Row>& rows) {
  for (const int bytes : {2, 4, 8}) {
    const std::string width = std::to_string(8 * bytes);
    rows.push_back(
        {"shl.b" + width + " %d, %a, %b;",
         {bytes},
         {integers(bytes), shift_amounts()},
         [bytes](const Bits* in, Bits* out) { out[0] = in[1] >= Bits(8 * bytes) ? 0 : in[0] << in[1]; },
         {}});
    for (const char kind : {'b', 'u', 's'}) {
      rows.push_back({std::string("shr.") + kind + width + " %d, %a, %b;",
                      {bytes},
                      {integers(bytes), shift_amounts()},
                      [bytes, kind](const Bits* in, Bits* out) {
                        const Bits n = std::min<Bits>(in[1], 100);
                        const I128 value = kind == 's' ? as_signed(in[0], bytes) : static_cast<I128>(in[0]);
                        out[0] = static_cast<Bits>(value >> n);
                      },
                      {}});
    }
  }
  const Operand words = integers(4, true);
  for (const bool left : {true, false}) {
    for (const bool clamp : {true, false}) {
      rows.push_back(
          {std::string("shf.") + (left ? "l" : "r") + (clamp ? ".clamp" : ".wrap") + ".b32 %d, %a, %b, %c;",
           {4},
           {words, words, shift_amounts()},
           [left, clamp](const Bits* in, Bits* out) {
             const Bits n = clamp ? std::min<Bits>(in[2], 32) : in[2] & 31;
             // The manual: left (b << n) | (a >> (32-n)), right (b << (32-n)) | (a >> n).
             out[0] = left ? in[1] << n | in[0] >> (32 - n) : in[1] << (32 - n) | in[0] >> n;
           },
           {}});
    }
  }
}

void fields(std::vector<Row>& rows) {
  const Operand amounts = shift_amounts();
  for (const int bytes : {4, 8}) {
    const int width = 8 * bytes;
    const std::string bits = std::to_string(width);
    const Operand values = integers(bytes, true);
    for (const bool is_signed : {false, true}) {
      rows.push_back({std::string("bfe.") + (is_signed ? "s" : "u") + bits + " %d, %a, %b, %c;",
                      {bytes},
                      {values, amounts, amounts},
                      [=](const Bits* in, Bits* out) {
                        // The manual's loop, bit by bit.
                        const int position = static_cast<int>(in[1] & 0xff),
                                  length = static_cast<int>(in[2] & 0xff);
                        const int top = std::min(position + length - 1, width - 1);
                        const Bits sign = !is_signed || length == 0 ? 0 : in[0] >> top & 1;
                        out[0] = 0;
                        for (int i = 0; i < width; ++i) {
                          out[0] |= (i < length && position + i < width ? in[0] >> (position + i) & 1 : sign)
                                    << i;
                        }
                      },
                      {}});
      rows.push_back({std::string("bfind.") + (is_signed ? "s" : "u") + bits + " %d, %a;",
                      {4},
                      {integers(bytes)},
                      [=](const Bits* in, Bits* out) {
                        const Bits a =
                            is_signed && as_signed(in[0], bytes) < 0 ? low_bits(~in[0], bytes) : in[0];
                        out[0] = ~Bits{0};
                        for (int i = 0; i < width; ++i) out[0] = (a >> i & 1) != 0 ? Bits(i) : out[0];
                      },
                      {}});
      rows.push_back({std::string("bfind.shiftamt.") + (is_signed ? "s" : "u") + bits + " %d, %a;",
                      {4},
                      {integers(bytes)},
                      [=](const Bits* in, Bits* out) {
                        const Bits a =
                            is_signed && as_signed(in[0], bytes) < 0 ? low_bits(~in[0], bytes) : in[0];
                        out[0] = ~Bits{0};
                        for (int i = 0; i < width; ++i)
                          out[0] = (a >> i & 1) != 0 ? Bits(width - 1 - i) : out[0];
                      },
                      {}});
    }
    rows.push_back({"bfi.b" + bits + " %d, %a, %b, %c, %f;",
                    {bytes},
                    {integers(bytes, true), integers(bytes, true), amounts, amounts},
                    [=](const Bits* in, Bits* out) {
                      const Bits position = in[2] & 0xff, length = in[3] & 0xff;
                      out[0] = in[1];
                      for (Bits i = 0; i < length && position + i < Bits(width); ++i) {
                        out[0] = (out[0] & ~(Bits{1} << (position + i))) | (in[0] >> i & 1) << (position + i);
                      }
                    },
                    {}});
    rows.push_back({"brev.b" + bits + " %d, %a;",
                    {bytes},
                    {integers(bytes)},
                    [=](const Bits* in, Bits* out) {
                      out[0] = 0;
                      for (int i = 0; i < width; ++i) out[0] |= (in[0] >> (width - 1 - i) & 1) << i;
                    },
                    {}});
    rows.push_back({"popc.b" + bits + " %d, %a;",
                    {4},
                    {integers(bytes)},
                    [](const Bits* in, Bits* out) {
                      out[0] = 0;
                      for (Bits a = in[0]; a != 0; a &= a - 1) ++out[0];
                    },
                    {}});
    rows.push_back({"clz.b" + bits + " %d, %a;",
                    {4},
                    {integers(bytes)},
                    [=](const Bits* in, Bits* out) {
                      out[0] = 0;
                      while (out[0] < Bits(width) && (in[0] >> (width - 1 - out[0]) & 1) == 0) ++out[0];
                    },
                    {}});
  }
  for (const bool clamp : {false, true}) {
    const std::string mode = clamp ? ".clamp" : ".wrap";
    rows.push_back({"bmsk" + mode + ".b32 %d, %a, %b;",
                    {4},
                    {amounts, amounts},
                    [clamp](const Bits* in, Bits* out) {
                      const Bits from = in[0] & 31, length = in[1] & 31;
                      const bool past = clamp && in[0] >= 32, wide = clamp && in[1] >= 32;
                      const Bits low = past ? 0 : ~Bits{0} << from & 0xffffffff;
                      Bits high = ~Bits{0} << (from + length) & 0xffffffff;
                      if (from + length >= 32 || past || wide) {
                        high = 0;
                      } else if (length == 0) {
                        high = 0xffffffff;
                      }
                      out[0] = low & ~high;
                    },
                    {}});
    for (const bool is_signed : {false, true}) {
      rows.push_back({"szext" + mode + (is_signed ? ".s32" : ".u32") + " %d, %a, %b;",
                      {4},
                      {integers(4), amounts},
                      [=](const Bits* in, Bits* out) {
                        const Bits n = in[1] & 31;
                        const bool whole = in[1] >= 32 && clamp;
                        const Bits above = whole ? 0 : ~Bits{0} << n;
                        const bool sign = n != 0 && !whole && is_signed && (in[0] >> (n - 1) & 1) != 0;
                        out[0] = (in[0] & ~above) | (sign ? above : 0);
                      },
                      {}});
    }
  }
  const Operand bases{4, {0, 1, 5, 16, 30, 31}};
  const Operand nth{4,
                    {0, 1, 2, 3, 8, 31, 32, 33, 0xffffffff, 0xfffffffe, 0xfffffff0, 0x80000000, 0x7fffffff}};
  rows.push_back({"fns.b32 %d, %a, %b, %c;",
                  {4},
                  {integers(4), bases, nth},
                  [](const Bits* in, Bits* out) {
                    const auto base = static_cast<std::int64_t>(in[1]);
                    const auto offset = static_cast<std::int64_t>(as_signed(in[2], 4));
                    out[0] = 0xffffffff;
                    if (offset == 0) {
                      if ((in[0] >> base & 1) != 0) out[0] = in[1];
                      return;
                    }
                    std::int64_t count = (offset < 0 ? -offset : offset) - 1;
                    for (std::int64_t i = base; i >= 0 && i<32; i += offset> 0 ? 1 : -1) {
                      if ((in[0] >> i & 1) == 0) continue;
                      if (count == 0) {
                        out[0] = static_cast<Bits>(i);
                        break;
                      }
                      --count;
                    }
                  },
                  {}});
  // Differences of bytes; without .add the manual leaves the third source unused.
  const Operand words{4,
                      {0, 0x01020304, 0xffffffff, 0x80808080, 0x7f7f7f7f, 0x00ff8001, 0xdeadbeef,
                       random_bits(3) & 0xffffffff}};
  for (const bool sums : {false, true}) {
    rows.push_back({std::string("vabsdiff4.u32.u32.u32") + (sums ? ".add" : "") + " %d, %a, %b, %c;",
                    {4},
                    {words, words, integers(4, true)},
                    [sums](const Bits* in, Bits* out) {
                      Bits packed = 0, sum = in[2];
                      for (int i = 0; i < 4; ++i) {
                        const auto x = static_cast<int>(in[0] >> (8 * i) & 0xff),
                                   y = static_cast<int>(in[1] >> (8 * i) & 0xff);
                        const auto difference = static_cast<Bits>(x > y ? x - y : y - x);
                        packed |= difference << (8 * i);
                        sum += difference;
                      }
                      out[0] = sums ? sum : packed;
                    },
                    {},
                    false,
                    sums});
  }
}

}  // namespace

std::vector<Row> bit_rows() {
  std::vector<Row> rows;
  logic(rows);
  shifts(rows);
  fields(rows);
  return rows;
}

}  // namespace softgpu::isa_test
