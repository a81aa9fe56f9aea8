// atom and red (PTX ISA 9.7.13): each operation on each type in global, shared and generic memory; %d is the
// old value, %e what memory holds after it.
//
// f32 addition flushes subnormals in global memory and not in shared memory (from memory of the manual); f16
// and bf16 additions never do (.noftz).
#include "values.h"

namespace softgpu::isa_test {

namespace {

using Operation = std::function<Bits(Bits old, Bits b, Bits c)>;

void everywhere(std::vector<Row>& rows, const std::string& name, int bytes, bool compares,
                const Operand& values, const std::function<Operation(bool global)>& operation,
                std::function<bool(const Bits*, Bits, Bits)> accepts = {}) {
  const std::string width = ".b" + std::to_string(8 * bytes);
  struct Place {
    const char* space;
    const char* address;
    const char* before;
    bool global;
  };
  for (const Place& place :
       {Place{".global", "[%global]", "", true}, Place{".shared", "[%shared]", "", false},
        Place{"", "[%t64]", "cvta.global.u64 %t64, %global; ", true},
        Place{"", "[%t64+4]", "cvt.u64.u32 %t64, %shared; cvta.shared.u64 %t64, %t64; ", false}}) {
    if (place.address[5] == '+' && bytes == 8) continue;
    const Operation f = operation(place.global);
    const std::string operands = compares ? ", %b, %c;" : ", %b;";
    const std::string store = place.before + std::string("st") + place.space + width + " " + place.address +
                              ", %a; ",
                      load = std::string(" ld") + place.space + width + " %e, " + place.address + ";";
    std::vector<Operand> sources(compares ? 3 : 2, values);
    rows.push_back({store + "atom" + place.space + name + " %d, " + place.address + operands + load,
                    {bytes, bytes},
                    sources,
                    [f](const Bits* in, Bits* out) {
                      out[0] = in[0];
                      out[1] = f(in[0], in[1], in[2]);
                    },
                    accepts,
                    false,
                    false});
    if (name.find(".exch") != std::string::npos || name.find(".cas") != std::string::npos) continue;
    rows.push_back({store + "red" + place.space + name + " " + place.address + operands + " mov" + width +
                        " %d, %a;" + load,
                    {bytes, bytes},
                    sources,
                    [f](const Bits* in, Bits* out) {
                      out[0] = in[0];
                      out[1] = f(in[0], in[1], in[2]);
                    },
                    accepts,
                    false,
                    false});
  }
}

/// A value in memory that nobody wrote stays one: both results are undefined wherever %a is.
void same_everywhere(std::vector<Row>& rows, const std::string& name, int bytes, bool compares,
                     const Operand& values, const Operation& f) {
  everywhere(rows, name, bytes, compares, values, [f](bool) { return f; });
}

}  // namespace

std::vector<Row> atomic_rows() {
  std::vector<Row> rows;
  for (const int bytes : {4, 8}) {
    const std::string width = std::to_string(8 * bytes);
    const Operand values = integers(bytes, true);
    same_everywhere(rows, ".and.b" + width, bytes, false, values, [](Bits a, Bits b, Bits) { return a & b; });
    same_everywhere(rows, ".or.b" + width, bytes, false, values, [](Bits a, Bits b, Bits) { return a | b; });
    same_everywhere(rows, ".xor.b" + width, bytes, false, values, [](Bits a, Bits b, Bits) { return a ^ b; });
    same_everywhere(rows, ".exch.b" + width, bytes, false, values, [](Bits, Bits b, Bits) { return b; });
    same_everywhere(rows, ".cas.b" + width, bytes, true, values,
                    [](Bits a, Bits b, Bits c) { return a == b ? c : a; });
    same_everywhere(rows, ".add.u" + width, bytes, false, values, [](Bits a, Bits b, Bits) { return a + b; });
    for (const bool is_signed : {false, true}) {
      const Integer type{"", bytes, is_signed};
      const std::string name = (is_signed ? ".s" : ".u") + width;
      same_everywhere(rows, ".min" + name, bytes, false, values,
                      [type](Bits a, Bits b, Bits) { return type.value(b) < type.value(a) ? b : a; });
      same_everywhere(rows, ".max" + name, bytes, false, values,
                      [type](Bits a, Bits b, Bits) { return type.value(b) > type.value(a) ? b : a; });
    }
  }
  const Operand words = integers(4);
  same_everywhere(rows, ".add.s32", 4, false, words, [](Bits a, Bits b, Bits) { return a + b; });
  same_everywhere(rows, ".inc.u32", 4, false, words, [](Bits a, Bits b, Bits) { return a >= b ? 0 : a + 1; });
  same_everywhere(rows, ".dec.u32", 4, false, words,
                  [](Bits a, Bits b, Bits) { return a == 0 || a > b ? b : a - 1; });
  Operand halves = integers(2, true);
  same_everywhere(rows, ".cas.b16", 2, true, halves, [](Bits a, Bits b, Bits c) { return a == b ? c : a; });
  same_everywhere(rows, ".relaxed.gpu.add.u32", 4, false, integers(4, true),
                  [](Bits a, Bits b, Bits) { return a + b; });
  const auto added = [](const Format& format, Bits a, Bits b) {
    return encode(format, sum(decode(format, a), decode(format, b), Round::even), Round::even);
  };
  everywhere(rows, ".add.f32", 4, false, thinned(floats(kF32), 110), [=](bool global) -> Operation {
    return [=](Bits a, Bits b, Bits) {
      return global ? flush(kF32, added(kF32, flush(kF32, a), flush(kF32, b))) : added(kF32, a, b);
    };
  });
  everywhere(
      rows, ".add.f64", 8, false, thinned(floats(kF64), 110),
      [=](bool) -> Operation { return [=](Bits a, Bits b, Bits) { return added(kF64, a, b); }; },
      [](const Bits*, Bits expected, Bits got) { return is_nan(kF64, expected) && is_nan(kF64, got); });
  for (const auto& [format, name] : {std::pair{kF16, "f16"}, {kBf16, "bf16"}}) {
    same_everywhere(rows, std::string(".add.noftz.") + name, 2, false, thinned(dense_halves(format, 40), 110),
                    [=, format = format](Bits a, Bits b, Bits) { return added(format, a, b); });
    Operand pairs{4, {}};
    for (Bits i = 0; i < 60; ++i) pairs.values.push_back(random_bits(i + 600) & 0xffffffff);
    same_everywhere(rows, std::string(".add.noftz.") + name + "x2", 4, false, pairs,
                    [=, format = format](Bits a, Bits b, Bits) {
                      return added(format, a >> 16, b >> 16) << 16 | added(format, a & 0xffff, b & 0xffff);
                    });
  }
  return rows;
}

}  // namespace softgpu::isa_test
