// mov with its vectors, prmt (PTX ISA 9.7.9).
#include "values.h"

namespace softgpu::isa_test {

namespace {

void moves(std::vector<Row>& rows) {
  for (const auto& [name, bytes] : {std::pair{"b16", 2},
                                    {"u16", 2},
                                    {"s16", 2},
                                    {"b32", 4},
                                    {"u32", 4},
                                    {"s32", 4},
                                    {"f32", 4},
                                    {"b64", 8},
                                    {"u64", 8},
                                    {"s64", 8},
                                    {"f64", 8}}) {
    const Operand values = bytes == 2 || name[0] != 'f' ? integers(bytes) : floats(bytes == 4 ? kF32 : kF64);
    rows.push_back({std::string("mov.") + name + " %d, %a;",
                    {bytes},
                    {values},
                    [](const Bits* in, Bits* out) { out[0] = in[0]; },
                    {}});
  }
  rows.push_back({"mov.pred %d, %a;",
                  {kPredicate},
                  {predicates()},
                  [](const Bits* in, Bits* out) { out[0] = in[0]; },
                  {}});
  // Packing and unpacking: the first element is the lowest.
  rows.push_back({"mov.b32 %d, {%a, %b};",
                  {4},
                  {integers(2), integers(2)},
                  [](const Bits* in, Bits* out) { out[0] = in[0] | in[1] << 16; },
                  {}});
  rows.push_back({"mov.b32 %d, {%a, 0x1234};",
                  {4},
                  {integers(2)},
                  [](const Bits* in, Bits* out) { out[0] = in[0] | 0x12340000; },
                  {}});
  rows.push_back({"mov.b64 %d, {%a, %b};",
                  {8},
                  {integers(4), integers(4)},
                  [](const Bits* in, Bits* out) { out[0] = in[0] | in[1] << 32; },
                  {}});
  rows.push_back({"mov.b64 %d, {%a, %b, %c, %f};",
                  {8},
                  {integers(2, true), integers(2, true), integers(2, true), integers(2, true)},
                  [](const Bits* in, Bits* out) { out[0] = in[0] | in[1] << 16 | in[2] << 32 | in[3] << 48; },
                  {}});
  rows.push_back({"mov.b32 {%d, %e}, %a;",
                  {2, 2},
                  {integers(4)},
                  [](const Bits* in, Bits* out) { out[0] = in[0], out[1] = in[0] >> 16; },
                  {}});
  rows.push_back({"mov.b32 {_, %d}, %a;",
                  {2},
                  {integers(4)},
                  [](const Bits* in, Bits* out) { out[0] = in[0] >> 16; },
                  {}});
  rows.push_back({"mov.b64 {%d, %e}, %a;",
                  {4, 4},
                  {integers(8)},
                  [](const Bits* in, Bits* out) { out[0] = in[0], out[1] = in[0] >> 32; },
                  {}});
  rows.push_back(
      {"mov.b64 {%d, _}, %a;", {4}, {integers(8)}, [](const Bits* in, Bits* out) { out[0] = in[0]; }, {}});
  rows.push_back({"mov.b64 {%d, %e, %g, %h}, %a;",
                  {2, 2, 2, 2},
                  {integers(8)},
                  [](const Bits* in, Bits* out) {
                    for (int i = 0; i < 4; ++i) out[i] = in[0] >> (16 * i);
                  },
                  {}});
  // In place: the register that is read is written.
  rows.push_back({"mov.b32 {%t16, %u16}, %a; mov.b32 %d, {%u16, %t16}; add.u32 %d, %d, %d;",
                  {4},
                  {integers(4)},
                  [](const Bits* in, Bits* out) { out[0] = 2 * (in[0] >> 16 | in[0] << 16); },
                  {},
                  false,
                  false});
}

void permutations(std::vector<Row>& rows) {
  Operand selectors{4, {0x3210, 0x7654, 0x0123, 0xba98, 0xfedc, 0x8f07, 0x5410, 0x1234567f, 0xffff}};
  for (Bits i = 0; i < 24; ++i) selectors.values.push_back(random_bits(i + 30) & 0xffffffff);
  const Operand words{4, {0x80017f02, 0x03ff8004, 0xdeadbeef, 0, 0xffffffff}};
  rows.push_back({"prmt.b32 %d, %a, %b, %c;",
                  {4},
                  {words, words, selectors},
                  [](const Bits* in, Bits* out) {
                    const Bits bytes = in[1] << 32 | in[0];
                    out[0] = 0;
                    for (int i = 0; i < 4; ++i) {
                      const Bits selector = in[2] >> (4 * i) & 15;
                      Bits byte = bytes >> (8 * (selector & 7)) & 0xff;
                      if (selector >= 8) byte = byte >= 0x80 ? 0xff : 0;
                      out[0] |= byte << (8 * i);
                    }
                  },
                  {}});
  // The manual's table of modes: for c & 3 = 0 .. 3, the bytes of d from the highest to the lowest.
  struct Mode {
    const char* name;
    const char* bytes[4];
  };
  constexpr Mode kModes[] = {
      {"f4e", {"3210", "4321", "5432", "6543"}}, {"b4e", {"5670", "6701", "7012", "0123"}},
      {"rc8", {"0000", "1111", "2222", "3333"}}, {"ecl", {"3210", "3211", "3222", "3333"}},
      {"ecr", {"0000", "1110", "2210", "3210"}}, {"rc16", {"1010", "3232", "1010", "3232"}}};
  for (const Mode& mode : kModes) {
    rows.push_back({std::string("prmt.b32.") + mode.name + " %d, %a, %b, %c;",
                    {4},
                    {words, words, Operand{4, {0, 1, 2, 3, 4, 0xffffffff, 6}}},
                    [=](const Bits* in, Bits* out) {
                      const Bits bytes = in[1] << 32 | in[0];
                      out[0] = 0;
                      for (int i = 0; i < 4; ++i)
                        out[0] = out[0] << 8 | (bytes >> (8 * (mode.bytes[in[2] & 3][i] - '0')) & 0xff);
                    },
                    {}});
  }
}

}  // namespace

std::vector<Row> move_rows() {
  std::vector<Row> rows;
  moves(rows);
  permutations(rows);
  return rows;
}

}  // namespace softgpu::isa_test
