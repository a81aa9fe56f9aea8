// mov (with packing and unpacking), cvta, isspacep, selp, slct, prmt, clocks.
#include <array>
#include <chrono>

#include "../machine/block.h"
#include "families.h"
#include "origin_traces.h"

namespace softgpu {

namespace {

using ptx::Operand;
using ptx::Type;

template <class T>
void copy(Warp& warp, const Op& op) {
  map1<T, T>(warp, op, [](T a) { return a; });
}

void copy_predicate(Warp& warp, const Op& op) {
  warp.set_predicate(op.d, warp.predicate(op.a), warp.defined(op.a));
}

/// d = {low, ...}: parts of P bits packed into W, the first in the lowest bits. Sources are listed.
template <class W, class P>
void pack(Warp& warp, const Op& op) {
  const std::uint32_t* parts = warp.list(op);
  constexpr std::uint32_t kParts = sizeof(W) / sizeof(P);
  std::array<const P*, kParts> sources;
  std::uint32_t known = ~0u;
  for (std::uint32_t p = 0; p < kParts; ++p) {
    sources[p] = warp.lanes<P>(parts[p]);
    known &= warp.defined(parts[p]);
  }
  W* d = warp.lanes<W>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    W value = 0;
    for (std::uint32_t p = 0; p < kParts; ++p)
      value |= static_cast<W>(W{sources[p][i]} << (8 * sizeof(P) * p));
    d[i] = value;
  }
  warp.define(op.d, known);
}

/// {low, ...} = a.
template <class W, class P>
void unpack(Warp& warp, const Op& op) {
  const std::uint32_t* parts = warp.list(op);
  constexpr std::uint32_t kParts = sizeof(W) / sizeof(P);
  const W* a = warp.lanes<W>(op.a);
  for (std::uint32_t p = 0; p < kParts; ++p) {
    if (parts[p] == kNoSlot) continue;
    P* d = warp.lanes<P>(parts[p]);
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((warp.mask >> i & 1) != 0) d[i] = static_cast<P>(a[i] >> (8 * sizeof(P) * p));
    }
    warp.define(parts[p], warp.defined(op.a));
  }
}

Type bits_type(std::uint32_t bytes) {
  return bytes == 8 ? Type::b64 : bytes == 4 ? Type::b32 : bytes == 2 ? Type::b16 : Type::b8;
}

Op encode_pack(Encoder& e, std::uint32_t bytes) {
  const auto& parts = e.operand(1).elements;
  if (parts.empty() || bytes % parts.size() != 0) e.unsupported("vector of that many parts");
  const auto part = static_cast<std::uint32_t>(bytes / parts.size());
  Op op = make_op(Class::move, nullptr);
  if (bytes == 8 && part == 4) op.execute = pack<std::uint64_t, std::uint32_t>, op.trace = trace_pack<8, 4>;
  if (bytes == 8 && part == 2) op.execute = pack<std::uint64_t, std::uint16_t>, op.trace = trace_pack<8, 2>;
  if (bytes == 4 && part == 2) op.execute = pack<std::uint32_t, std::uint16_t>, op.trace = trace_pack<4, 2>;
  if (op.execute == nullptr) e.unsupported("packing of " + std::to_string(part) + "-byte parts");
  std::vector<std::uint32_t> slots;
  slots.reserve(parts.size());
  for (const Operand& each : parts) slots.push_back(e.read(each, bits_type(part)));
  op.list = e.list(slots);
  op.d = e.write(0, bits_type(bytes));
  return op;
}

Op encode_unpack(Encoder& e, std::uint32_t bytes) {
  const auto& parts = e.operand(0).elements;
  if (parts.empty() || bytes % parts.size() != 0) e.unsupported("vector of that many parts");
  const auto part = static_cast<std::uint32_t>(bytes / parts.size());
  Op op = make_op(Class::move, nullptr);
  if (bytes == 8 && part == 4)
    op.execute = unpack<std::uint64_t, std::uint32_t>, op.trace = trace_unpack<8, 4>;
  if (bytes == 8 && part == 2)
    op.execute = unpack<std::uint64_t, std::uint16_t>, op.trace = trace_unpack<8, 2>;
  if (bytes == 4 && part == 2)
    op.execute = unpack<std::uint32_t, std::uint16_t>, op.trace = trace_unpack<4, 2>;
  if (op.execute == nullptr) e.unsupported("unpacking into " + std::to_string(part) + "-byte parts");
  op.a = e.read(1, bits_type(bytes));
  std::vector<std::uint32_t> slots;
  slots.reserve(parts.size());
  for (const Operand& each : parts) {
    slots.push_back(each.kind == Operand::Kind::sink ? kNoSlot : e.write(each, bits_type(part)));
  }
  op.list = e.list(slots);
  return op;
}

/// Counters of time: warp instructions so far stand for cycles; a schedule's own, so only differences mean
/// something.
template <class T>
void read_clock(Warp& warp, const Op& op) {
  std::uint64_t cycles = 0;
  for (const std::uint64_t each : warp.counters().instructions) cycles += each;
  T* d = warp.lanes<T>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = static_cast<T>(cycles);
  }
  warp.define(op.d);
}

void read_nanoseconds(Warp& warp, const Op& op) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto value =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  std::uint64_t* d = warp.lanes<std::uint64_t>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = value;
  }
  warp.define(op.d);
}

Op encode_mov(Encoder& e) {
  const Type type = e.type();
  const std::uint32_t bytes = ptx::bytes_of(type);
  if (e.operand(1).kind == Operand::Kind::vector) return encode_pack(e, bytes);
  if (e.operand(0).kind == Operand::Kind::vector) return encode_unpack(e, bytes);
  Op op = make_op(Class::move, nullptr);
  if (e.operand(1).kind == Operand::Kind::special) {
    const std::string& name = e.operand(1).name;
    if (name == "%clock" || name == "%clock_hi") op.execute = read_clock<std::uint32_t>;
    if (name == "%clock64") op.execute = read_clock<std::uint64_t>;
    if (name == "%globaltimer") op.execute = read_nanoseconds;
    if (op.execute != nullptr) {
      op.d = e.write(0, type);
      return op;
    }
  }
  if (type == Type::pred) {
    op.execute = copy_predicate;
    op.klass = Class::predicate;
  } else {
    op.execute = bytes == 8 ? copy<std::uint64_t> : bytes == 4 ? copy<std::uint32_t> : copy<std::uint16_t>;
    op.trace = trace_copy(bytes);
  }
  op.a = e.read(1, type);
  op.d = e.write(0, type);
  return op;
}

// ---- cvta, isspacep
// -----------------------------------------------------------------------------------------------

void add_window(Warp& warp, const Op& op) {
  const std::uint64_t window = op.immediate;
  // An address of 0 offset is a valid shared or local address; generic addresses stay what they are.
  map1<std::uint64_t, std::uint64_t>(warp, op,
                                     [window](std::uint64_t a) { return (a >> 56) != 0 ? a : a + window; });
}

void drop_window(Warp& warp, const Op& op) {
  const std::uint64_t window = op.immediate;
  map1<std::uint64_t, std::uint64_t>(warp, op, [window](std::uint64_t a) { return a - window; });
}

std::uint64_t window_named(const Encoder& e) {
  if (e.has("shared") || e.has("shared::cta")) return kSharedWindow;
  if (e.has("local")) return kLocalWindow;
  if (e.has("param") || e.has("param::entry")) return kParamWindow;
  return 0;
}

Op encode_cvta(Encoder& e) {
  if (ptx::bytes_of(e.type()) != 8) e.unsupported("32-bit addresses");
  Op op = make_op(Class::integer, e.has("to") ? drop_window : add_window);
  op.immediate = window_named(e);
  if (op.immediate == 0) op.execute = copy<std::uint64_t>;
  // cvta.space d, symbol+offset as well as a register.
  op.a = e.read(1, Type::b64);
  op.d = e.write(0, Type::b64);
  return op;
}

void is_in_window(Warp& warp, const Op& op) {
  const std::uint64_t* a = warp.lanes<std::uint64_t>(op.a);
  std::uint32_t result = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i)
    result |= static_cast<std::uint32_t>((a[i] >> 56) == op.immediate) << i;
  warp.set_predicate(op.d, result, warp.defined(op.a));
}

/// .global and .const share a window: what tells them apart is the allocation. flags: 1 const.
void is_in_global_or_const(Warp& warp, const Op& op) {
  const std::uint64_t* a = warp.lanes<std::uint64_t>(op.a);
  const DeviceMemory& memory = warp.block().device().memory;
  std::uint32_t result = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0 || window_of(a[i]) != Window::global) continue;
    const Allocation* allocation = memory.contains(a[i]) ? memory.find(a[i], 1) : nullptr;
    const bool constant = allocation != nullptr && allocation->constant;
    result |= static_cast<std::uint32_t>(constant == (op.flags != 0)) << i;
  }
  warp.set_predicate(op.d, result, warp.defined(op.a));
}

Op encode_isspacep(Encoder& e) {
  Op op = make_op(Class::predicate, is_in_window);
  op.immediate = window_named(e) >> 56;
  if (e.has("global") || e.has("const")) {
    op.execute = is_in_global_or_const;
    op.flags = e.has("const") ? 1 : 0;
  }
  op.a = e.read(1, Type::b64);
  op.d = e.write(0, Type::pred);
  return op;
}

// ---- selp, slct, prmt
// ---------------------------------------------------------------------------------------------

template <class T>
void select(Warp& warp, const Op& op) {
  const std::uint32_t chosen = warp.predicate(op.c);
  T* d = warp.lanes<T>(op.d);
  const T *a = warp.lanes<T>(op.a), *b = warp.lanes<T>(op.b);
  const std::uint32_t mask = warp.mask;
#pragma GCC ivdep
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    const T value = (chosen >> i & 1) != 0 ? a[i] : b[i];
    d[i] = (mask >> i & 1) != 0 ? value : d[i];
  }
  // Only the operand that is taken counts: compilers select away values that were never written.
  warp.define(op.d, warp.defined(op.c) & ((chosen & warp.defined(op.a)) | (~chosen & warp.defined(op.b))));
}

Op encode_selp(Encoder& e) {
  const Type type = e.type();
  const std::uint32_t bytes = ptx::bytes_of(type);
  Op op = make_op(Class::move, bytes == 8   ? select<std::uint64_t>
                               : bytes == 4 ? select<std::uint32_t>
                                            : select<std::uint16_t>);
  op.trace = bytes == 8 ? trace_select<8> : bytes == 4 ? trace_select<4> : trace_select<2>;
  op.a = e.read(1, type);
  op.b = e.read(2, type);
  op.c = e.read(3, Type::pred);
  op.d = e.write(0, type);
  return op;
}

/// d = c >= 0 ? a : b, with an integer or f32 c (NaN selects b; -0 is not negative). flags: 1 f32, 2 flush.
template <class T>
void select_by_sign(Warp& warp, const Op& op) {
  const std::uint32_t* c = warp.lanes<std::uint32_t>(op.c);
  const bool is_float = (op.flags & 1) != 0, flushes = (op.flags & 2) != 0;
  std::uint32_t chosen = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    const std::uint32_t bits = flushes && (c[i] & 0x7f800000u) == 0 ? 0 : c[i];
    const bool first = is_float ? std::bit_cast<float>(bits) >= 0.0f : static_cast<std::int32_t>(bits) >= 0;
    chosen |= static_cast<std::uint32_t>(first) << i;
  }
  const T *a = warp.lanes<T>(op.a), *b = warp.lanes<T>(op.b);
  T* d = warp.lanes<T>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = (chosen >> i & 1) != 0 ? a[i] : b[i];
  }
  warp.define(op.d, warp.defined(op.c) & ((chosen & warp.defined(op.a)) | (~chosen & warp.defined(op.b))));
}

Op encode_slct(Encoder& e) {
  const Type type = e.type();
  const bool by_float = e.type(1) == Type::f32;
  Op op = make_op(Class::move, nullptr);
  const std::uint32_t bytes = ptx::bytes_of(type);
  op.execute = bytes == 8   ? select_by_sign<std::uint64_t>
               : bytes == 4 ? select_by_sign<std::uint32_t>
                            : select_by_sign<std::uint16_t>;
  op.flags = static_cast<std::uint8_t>((by_float ? 1 : 0) | (e.has("ftz") ? 2 : 0));
  op.a = e.read(1, type);
  op.b = e.read(2, type);
  op.c = e.read(3, by_float ? Type::f32 : Type::s32);
  op.d = e.write(0, type);
  return op;
}

/// prmt.b32: each nibble of c picks a byte of {b, a}; its bit 3 replicates that byte's sign.
void permute_bytes(Warp& warp, const Op& op) {
  map3<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(
      warp, op, [](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
        const std::uint64_t bytes = std::uint64_t{b} << 32 | a;
        std::uint32_t d = 0;
        for (std::uint32_t i = 0; i < 4; ++i) {
          const std::uint32_t selector = c >> (4 * i);
          std::uint32_t byte = static_cast<std::uint32_t>(bytes >> (8 * (selector & 7))) & 0xff;
          if ((selector & 8) != 0) byte = (byte & 0x80) != 0 ? 0xff : 0;
          d |= byte << (8 * i);
        }
        return d;
      });
}

/// The modes of prmt: bytes picked by the two low bits of c.
void permute_by_mode(Warp& warp, const Op& op) {
  const std::uint64_t mode = op.immediate;
  map3<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(
      warp, op, [mode](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
        static constexpr std::uint16_t kSelectors[6][4] = {
            {0x3210, 0x4321, 0x5432, 0x6543},  // f4e
            {0x5670, 0x6701, 0x7012, 0x0123},  // b4e
            {0x0000, 0x1111, 0x2222, 0x3333},  // rc8
            {0x3210, 0x3211, 0x3222, 0x3333},  // ecl
            {0x0000, 0x1110, 0x2210, 0x3210},  // ecr
            {0x1010, 0x3232, 0x1010, 0x3232},  // rc16
        };
        const std::uint32_t selector = kSelectors[mode][c & 3];
        const std::uint64_t bytes = std::uint64_t{b} << 32 | a;
        std::uint32_t d = 0;
        for (std::uint32_t i = 0; i < 4; ++i) {
          d |= (static_cast<std::uint32_t>(bytes >> (8 * (selector >> (4 * i) & 7))) & 0xff) << (8 * i);
        }
        return d;
      });
}

Op encode_prmt(Encoder& e) {
  Op op = make_op(Class::integer, permute_bytes);
  op.trace = trace_permute;
  static constexpr std::array<std::string_view, 6> kModes{"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    if (!e.has(kModes[i])) continue;
    op.execute = permute_by_mode;
    op.trace = nullptr;
    op.immediate = i;
  }
  op.a = e.read(1, Type::b32);
  op.b = e.read(2, Type::b32);
  op.c = e.read(3, Type::b32);
  op.d = e.write(0, Type::b32);
  return op;
}

constexpr Opcode kOpcodes[] = {{"mov", encode_mov},   {"cvta", encode_cvta}, {"isspacep", encode_isspacep},
                               {"selp", encode_selp}, {"slct", encode_slct}, {"prmt", encode_prmt}};

}  // namespace

std::span<const Opcode> move_opcodes() { return kOpcodes; }

}  // namespace softgpu
