// Loads and stores of every width, space and vector (PTX ISA 9.7.9): extension into wider registers, bytes
// beside a store, addresses with offsets, generic addresses; and the bytes of a cp.async.
#include "values.h"

namespace softgpu::isa_test {

namespace {

/// A state space as an instruction names it, the address of the thread's bytes there, and what must be done
/// before it can be used.
struct Place {
  const char* space;
  const char* address;
  const char* before;
};
constexpr Place kPlaces[] = {{".global", "%global", ""},
                             {".shared", "%shared", ""},
                             {".local", "own_local", ""},
                             {"", "%t64", "cvta.global.u64 %t64, %global; "},
                             {"", "%t64", "cvt.u64.u32 %t64, %shared; cvta.shared.u64 %t64, %t64; "},
                             {"", "%t64", "cvta.local.u64 %t64, own_local; "}};

std::string at(const Place& place, int offset = 0) {
  return std::string("[") + place.address + (offset != 0 ? "+" + std::to_string(offset) : "") + "]";
}

const Operand kWords{
    8, {0x0123456789abcdef, 0xfedcba9876543210, 0x8000000080008080, 0x7f7f7fff7fffffff, 0, ~Bits{0}}};

void extensions(std::vector<Row>& rows, const Place& place) {
  const std::pair<const char*, int> types[] = {{"b8", 1},  {"u8", 1},  {"s8", 1},  {"b16", 2}, {"u16", 2},
                                               {"s16", 2}, {"b32", 4}, {"u32", 4}, {"s32", 4}, {"f32", 4},
                                               {"b64", 8}, {"u64", 8}, {"s64", 8}, {"f64", 8}};
  for (const auto& [name, bytes] : types) {
    for (const int width : {2, 4, 8}) {
      if (width < bytes || (name[0] == 'f' && width != bytes)) continue;
      for (const int offset : {0, 8 - bytes}) {
        rows.push_back({place.before + std::string("st") + place.space + ".b64 " + at(place) + ", %a; ld" +
                            place.space + "." + name + " %d, " + at(place, offset) + ";",
                        {width},
                        {kWords},
                        [=, name = name, bytes = bytes](const Bits* in, Bits* out) {
                          const Bits value = in[0] >> (8 * offset);
                          out[0] = name[0] == 's' ? static_cast<Bits>(as_signed(value, bytes))
                                                  : low_bits(value, bytes);
                        },
                        {}});
      }
      // A store takes the register's low bytes and leaves those beside it.
      Operand value = kWords;
      value.bytes = width;
      for (Bits& each : value.values) each = low_bits(each, width);
      const int offset = 8 - 2 * bytes < 0 ? 0 : 8 - 2 * bytes;
      rows.push_back({place.before + std::string("st") + place.space + ".b64 " + at(place) + ", %a; st" +
                          place.space + "." + name + " " + at(place, offset) + ", %b; ld" + place.space +
                          ".u64 %d, " + at(place) + ";",
                      {8},
                      {kWords, value},
                      [=, bytes = bytes](const Bits* in, Bits* out) {
                        const Bits mask = low_bits(~Bits{0}, bytes) << (8 * offset);
                        out[0] = (in[0] & ~mask) | (in[1] << (8 * offset) & mask);
                      },
                      {},
                      false,
                      false});
    }
  }
}

void vectors(std::vector<Row>& rows, const Place& place) {
  const std::string fill =
      place.before + std::string("st") + place.space + ".v2.b64 " + at(place) + ", {%a, %b}; ";
  const Operand low{8, {0x0123456789abcdef, 0x80ff7f0180fe7e02}},
      high{8, {0xfedcba9876543210, 0x00ff00ff88776655}};
  const std::pair<const char*, int> types[] = {{"b8", 1},  {"u8", 1},  {"s8", 1},  {"u16", 2}, {"s16", 2},
                                               {"b32", 4}, {"f32", 4}, {"b64", 8}, {"f64", 8}};
  for (const auto& [name, bytes] : types) {
    for (const int count : {2, 4}) {
      if (count * bytes > 16) continue;
      const int width = std::max(2, bytes), offset = 16 - count * bytes;
      const std::string list = count == 2 ? "{%d, %e}" : "{%d, %e, %g, %h}";
      rows.push_back({fill + "ld" + place.space + ".v" + std::to_string(count) + "." + name + " " + list +
                          ", " + at(place, offset) + ";",
                      std::vector<int>(count, width),
                      {low, high},
                      [=, name = name, bytes = bytes](const Bits* in, Bits* out) {
                        for (int i = 0; i < count; ++i) {
                          const int byte = offset + i * bytes;
                          const Bits value = byte < 8 ? in[0] >> (8 * byte) : in[1] >> (8 * (byte - 8));
                          out[i] = name[0] == 's' ? static_cast<Bits>(as_signed(value, bytes))
                                                  : low_bits(value, bytes);
                        }
                      },
                      {}});
      if (name[0] != 'b') continue;
      Operand part = integers(width, true);
      if (part.values.size() > 6) part.values.resize(6);
      const std::string sources = count == 2 ? "{%a, %b}" : "{%a, %b, %c, %f}";
      rows.push_back({place.before + std::string("st") + place.space + ".v" + std::to_string(count) + "." +
                          name + " " + at(place) + ", " + sources + "; ld" + place.space + ".b" +
                          std::to_string(8 * bytes) + " %d, " + at(place) + "; ld" + place.space + ".b" +
                          std::to_string(8 * bytes) + " %e, " + at(place, (count - 1) * bytes) + ";",
                      {width, width},
                      std::vector<Operand>(count, part),
                      [=, bytes = bytes](const Bits* in, Bits* out) {
                        out[0] = low_bits(in[0], bytes);
                        out[1] = low_bits(in[count - 1], bytes);
                      },
                      {}});
    }
  }
  // One of the vector's places may be unused, and the address may be overwritten by what it loads.
  rows.push_back({fill + "ld" + place.space + ".v2.b64 {_, %d}, " + at(place) + ";",
                  {8},
                  {low, high},
                  [](const Bits* in, Bits* out) { out[0] = in[1]; },
                  {},
                  false,
                  false});
}

/// Modifiers that change when and how, not what.
void modifiers(std::vector<Row>& rows) {
  const Operand values = integers(4);
  for (const std::string name :
       {"ld.global.ca.b32", "ld.global.cg.b32", "ld.global.cs.b32", "ld.global.lu.b32", "ld.global.cv.b32",
        "ld.volatile.global.b32", "ld.relaxed.gpu.global.b32", "ld.acquire.gpu.global.b32",
        "ld.acquire.sys.global.b32", "ld.weak.global.b32", "ld.global.L1::no_allocate.b32",
        "ld.global.L1::evict_last.b32", "ld.global.L2::128B.b32"}) {
    rows.push_back({"st.global.b32 [%global], %a; " + name + " %d, [%global];",
                    {4},
                    {values},
                    [](const Bits* in, Bits* out) { out[0] = in[0]; },
                    {}});
  }
  for (const std::string name :
       {"st.global.wb.b32", "st.global.cg.b32", "st.global.cs.b32", "st.global.wt.b32",
        "st.volatile.global.b32", "st.relaxed.gpu.global.b32", "st.release.gpu.global.b32",
        "st.weak.global.b32", "st.global.L1::no_allocate.b32"}) {
    rows.push_back({name + " [%global], %a; ld.global.b32 %d, [%global];",
                    {4},
                    {values},
                    [](const Bits* in, Bits* out) { out[0] = in[0]; },
                    {}});
  }
  rows.push_back({"st.volatile.shared.b32 [%shared], %a; ld.volatile.shared.b32 %d, [%shared];",
                  {4},
                  {values},
                  [](const Bits* in, Bits* out) { out[0] = in[0]; },
                  {}});
  rows.push_back({"prefetch.global.L2 [%global]; prefetchu.L1 [%global]; mov.b32 %d, %a;",
                  {4},
                  {values},
                  [](const Bits* in, Bits* out) { out[0] = in[0]; },
                  {}});
  // An address is 64 bits of base and a signed offset.
  rows.push_back({"st.global.b64 [%global+8], %a; add.u64 %t64, %global, 24; ld.global.u64 %d, [%t64+-16];",
                  {8},
                  {integers(8)},
                  [](const Bits* in, Bits* out) { out[0] = in[0]; },
                  {}});
}

/// Read-only loads, of the operand's own cell: nothing writes it during the launch.
void read_only(std::vector<Row>& rows) {
  const std::pair<const char*, int> types[] = {{"u8", 1},  {"s8", 1},  {"u16", 2}, {"s16", 2}, {"b32", 4},
                                               {"s32", 4}, {"f32", 4}, {"u64", 8}, {"f64", 8}};
  for (const auto& [name, bytes] : types) {
    for (const std::string modifiers : {".nc.", ".nc.L1::no_allocate.L2::128B."}) {
      rows.push_back({"ld.global" + modifiers + name + " %d, [%first];",
                      {std::max(2, bytes)},
                      {kWords},
                      [name = name, bytes = bytes](const Bits* in, Bits* out) {
                        out[0] = name[0] == 's' ? static_cast<Bits>(as_signed(in[0], bytes)) : in[0];
                        if (bytes == 1 && name[0] != 's') out[0] &= 0xff;
                      },
                      {},
                      false,
                      false});
    }
  }
  rows.push_back({"ld.global.nc.v4.u16 {%d, %e, %g, %h}, [%first];",
                  {2, 2, 2, 2},
                  {kWords},
                  [](const Bits* in, Bits* out) {
                    for (int i = 0; i < 4; ++i) out[i] = in[0] >> (16 * i);
                  },
                  {},
                  false,
                  false});
  rows.push_back(
      {"createpolicy.fractional.L2::evict_last.b64 %t64, 0.5; "
       "ld.global.L2::cache_hint.v2.f32 {%d, %e}, [%first], %t64;",
       {4, 4},
       {kWords},
       [](const Bits* in, Bits* out) { out[0] = in[0], out[1] = in[0] >> 32; },
       {},
       false,
       false});
}

/// What a finished cp.async leaves: src-size bytes copied, zeros after them.
void async_copies(std::vector<Row>& rows) {
  const Operand words{8, {0x0123456789abcdef, 0xfedcba9876543210, 0}};
  const std::string source = "st.global.v2.b64 [%global], {%a, %b}; st.shared.v2.b64 [%shared], {%b, %a}; ";
  const std::string wait = "cp.async.commit_group; cp.async.wait_group 0; ";
  const std::string result = "ld.shared.v2.b64 {%d, %e}, [%shared];";
  const auto copied = [](const Bits* in, int size, int taken, Bits* out) {
    const Bits from[2] = {in[0], in[1]};
    out[0] = in[1], out[1] = in[0];
    for (int i = 0; i < size; ++i) {
      const Bits byte = i < taken ? from[i / 8] >> (8 * (i % 8)) & 0xff : 0;
      out[i / 8] = (out[i / 8] & ~(Bits{0xff} << (8 * (i % 8)))) | byte << (8 * (i % 8));
    }
  };
  for (const int size : {4, 8, 16}) {
    const std::string bytes = std::to_string(size);
    for (const std::string cache : {"ca", "cg"}) {
      if (cache == "cg" && size != 16) continue;
      const std::string copy = "cp.async." + cache + ".shared.global [%shared], [%global], " + bytes;
      rows.push_back({source + copy + "; " + wait + result,
                      {8, 8},
                      {words, words},
                      [=](const Bits* in, Bits* out) { copied(in, size, size, out); },
                      {},
                      false,
                      false});
      rows.push_back({source + copy + "; cp.async.wait_all; " + result,
                      {8, 8},
                      {words, words},
                      [=](const Bits* in, Bits* out) { copied(in, size, size, out); },
                      {},
                      false,
                      false});
      for (int taken = 0; taken <= size; ++taken) {
        rows.push_back({source + copy + ", " + std::to_string(taken) + "; " + wait + result,
                        {8, 8},
                        {words, words},
                        [=](const Bits* in, Bits* out) { copied(in, size, taken, out); },
                        {},
                        false,
                        false});
      }
    }
  }
}

}  // namespace

std::vector<Row> memory_rows() {
  std::vector<Row> rows;
  for (const Place& each : kPlaces) {
    extensions(rows, each);
    vectors(rows, each);
  }
  modifiers(rows);
  read_only(rows);
  async_copies(rows);
  return rows;
}

}  // namespace softgpu::isa_test
