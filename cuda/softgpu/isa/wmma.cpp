// wmma.load, wmma.mma, wmma.store: what <mma.h> compiles to.
//
// The manual leaves the layout of their fragments open. Ours is that of the mma instructions which make up
// the product (and so nearly what sm_80 does):
//   m16n16k16 (tf32: m16n16k8)  A [B0 B1]     two m16n8k16 side by side
//   m32n8k16                    [A0; A1] B    two m16n8k16 one below the other
//   m8n32k16                    the transpose of that: D^T = B^T A^T
//   m8n8k4 (f64)                m8n8k4
// Fragments of f16 A and B always have 8 registers; where 4 or 2 hold all elements they are repeated. A
// kernel must not look into fragments beyond treating all their elements alike.
#include <algorithm>
#include <array>

#include "../machine/block.h"
#include "../memory/access.h"
#include "../memory/races.h"
#include "families.h"
#include "matrix.h"

namespace softgpu {

namespace {

using ptx::Operand;
using ptx::Type;

enum class Arrangement : std::uint8_t { single, side_by_side, stacked, transposed };
enum class Role : std::uint8_t { a, b, c };

struct WmmaShape {
  std::uint32_t m, n, k;
  Arrangement arrangement;
};
constexpr std::array<WmmaShape, 5> kShapes{{{16, 16, 16, Arrangement::side_by_side},
                                            {16, 16, 8, Arrangement::side_by_side},
                                            {32, 8, 16, Arrangement::stacked},
                                            {8, 32, 16, Arrangement::transposed},
                                            {8, 8, 4, Arrangement::single}}};

/// The mma shape that a product of these types is made of.
const MatrixShape* part_of(const WmmaShape& shape, Type element, Type accumulator) {
  for (const MatrixShape& each : kMatrixShapes) {
    const bool fits = shape.arrangement == Arrangement::single ? each.m == 8 : each.m == 16;
    if (fits && each.k == shape.k && each.element == element && each.accumulator == accumulator) return &each;
  }
  return nullptr;
}

/// How a fragment of the whole is made of fragments of the parts.
struct Composition {
  std::uint32_t registers = 0;  ///< of one part
  std::uint32_t parts = 1;
  Layout layout = nullptr;
  bool transposed = false;                      ///< the part's (row, column) is the whole's (column, row)
  std::uint32_t next_row = 0, next_column = 0;  ///< from one part to the next, in the whole
};

Composition composition(const WmmaShape& w, const MatrixShape& s, Role role) {
  const bool doubled = w.arrangement != Arrangement::single;
  const bool transposed = w.arrangement == Arrangement::transposed;
  if (role == Role::c) {
    Composition c{s.c_registers(), doubled ? 2u : 1u, c_element, transposed, 0, 0};
    if (w.arrangement == Arrangement::side_by_side) c.next_column = 8;
    if (w.arrangement == Arrangement::stacked) c.next_row = 16;
    if (transposed) c.next_column = 16;
    return c;
  }
  // In the transposed arrangement A goes where the mma has B, and the other way round.
  const bool as_a = (role == Role::a) != transposed;
  const bool repeated = doubled && as_a == (w.arrangement != Arrangement::side_by_side);
  Composition c{as_a ? s.a_registers() : s.b_registers(),
                repeated ? 2u : 1u,
                as_a ? Layout{a_element} : Layout{b_element},
                transposed,
                0,
                0};
  if (repeated) {
    if (w.arrangement == Arrangement::side_by_side) c.next_column = 8;
    if (w.arrangement == Arrangement::stacked) c.next_row = 16;
    if (transposed) c.next_column = 16;
  }
  return c;
}

/// Registers that PTX gives a fragment.
std::uint32_t declared_registers(const Composition& c, Role role, Type element) {
  return element == Type::f16 && role != Role::c ? 8 : c.registers * c.parts;
}

// ---- load and store
// --------------------------------------------------------------------------------------------------------

/// The list: number of the wmma shape, of the mma shape, role, elements a register, bytes of an element,
/// column-major, address is wide, space (Window, or kGenericSpace), slot of the stride, number of registers,
/// the registers, member slot.
constexpr std::uint32_t kGenericSpace = 255;
struct TransferList {
  const std::uint32_t* v;
  const WmmaShape& shape() const { return kShapes[v[0]]; }
  const MatrixShape& part() const { return kMatrixShapes[v[1]]; }
  Role role() const { return static_cast<Role>(v[2]); }
  std::uint32_t packed() const { return v[3]; }
  std::uint32_t bytes() const { return v[4]; }
  bool column_major() const { return v[5] != 0; }
  bool wide() const { return v[6] != 0; }
  std::uint32_t space() const { return v[7]; }
  Slot stride() const { return v[8]; }
  std::uint32_t count() const { return v[9]; }
  const Slot* registers() const { return v + 10; }
  Slot everyone() const { return v[10 + v[9]]; }
};

constexpr std::uint32_t kAlignment = 16;  // bytes; <mma.h> asks for 32 of the pointer and 16 of the stride

void transfer(Warp& warp, const Op& op, Access::Kind kind) {
  const TransferList list{warp.list(op)};
  if (!all_together(warp, op, list.everyone())) return;
  const bool store = kind == Access::Kind::store;
  const Composition c = composition(list.shape(), list.part(), list.role());
  const std::uint32_t bytes = list.bytes(), packed = list.packed(), lane_bytes = bytes * packed;
  warp.check_defined(warp.defined(list.stride()), "the stride of a matrix");
  const std::uint32_t stride = warp.lanes<std::uint32_t>(list.stride())[0];
  const bool generic = list.space() == kGenericSpace;
  Access access;
  access.kind = kind;
  access.window = generic ? Window::global : static_cast<Window>(list.space());
  access.bytes = bytes;
  const std::uint32_t elsewhere =
      begin_access(warp, access, op.a, list.wide(), op.immediate, generic, warp.mask);
  const auto leader = static_cast<std::uint32_t>(std::countr_zero(warp.mask));
  const std::uint64_t base = access.address[leader];
  for (std::uint32_t l = 0; l < kLanes; ++l) {
    if ((warp.mask >> l & 1) == 0) continue;
    if ((elsewhere >> l & 1) != 0 || access.address[l] != base ||
        warp.lanes<std::uint32_t>(list.stride())[l] != stride) {
      warp.fault(Check::collective, l, "the lanes of a warp give wmma different addresses or strides");
    }
  }
  if (base % kAlignment != 0 || std::uint64_t{stride} * bytes % kAlignment != 0) {
    warp.fault(
        Check::alignment, leader,
        "wmma needs a matrix at a multiple of 16 bytes whose rows lie a multiple of 16 bytes apart; the "
        "address ends in " +
            std::to_string(base % kAlignment) + " and rows are " +
            std::to_string(std::uint64_t{stride} * bytes) + " bytes apart",
        716);
  }
  std::array<std::uint32_t, 8> written;
  written.fill(~0u);
  for (std::uint32_t r = 0; r < c.registers * c.parts; ++r) {
    const Slot slot = list.registers()[r];
    for (std::uint32_t h = 0; h < packed; ++h) {
      for (std::uint32_t l = 0; l < kLanes; ++l) {
        Element at = c.layout(list.part(), l, r % c.registers * packed + h);
        if (c.transposed) std::swap(at.row, at.column);
        at.row += r / c.registers * c.next_row;
        at.column += r / c.registers * c.next_column;
        const std::uint64_t element = list.column_major() ? at.row + std::uint64_t{at.column} * stride
                                                          : std::uint64_t{at.row} * stride + at.column;
        access.address[l] = base + element * bytes;
      }
      Located located;
      locate(warp, access, located);
      if (!store) written[r] &= defined_lanes(warp, access, located);
      check_races(warp, access);
      count_access(warp, access);
      if (store) mark_written(warp, access, located, warp.defined(slot));
      auto* registers = reinterpret_cast<std::byte*>(warp.lanes<std::uint32_t>(slot));
      for (std::uint32_t l = 0; l < kLanes; ++l) {
        if ((warp.mask >> l & 1) == 0) continue;
        std::byte* here = registers + lane_bytes * l + bytes * h;
        std::memcpy(store ? located.bytes[l] : here, store ? here : located.bytes[l], bytes);
        if (!warp.traces_origins()) continue;
        Origin* origins = warp.origins(slot) + lane_bytes * l + bytes * h;
        if (store) {
          warp.block().origins().write(access.window, access.address[l], bytes, origins);
        } else {
          warp.block().origins().read(access.window, access.address[l], bytes, origins);
        }
      }
    }
  }
  if (store) {
    ++warp.block().progress;
    return;
  }
  const std::uint32_t distinct = c.registers * c.parts;
  for (std::uint32_t r = 0; r < list.count(); ++r) {
    const Slot slot = list.registers()[r], original = list.registers()[r % distinct];
    if (r >= distinct) {
      std::uint32_t* to = warp.lanes<std::uint32_t>(slot);
      const std::uint32_t* from = warp.lanes<std::uint32_t>(original);
      for (std::uint32_t l = 0; l < kLanes; ++l) to[l] = (warp.mask >> l & 1) != 0 ? from[l] : to[l];
      if (warp.traces_origins()) std::copy_n(warp.origins(original), kSlotBytes, warp.origins(slot));
    }
    warp.define(slot, written[r % distinct]);
  }
}

void load_fragment(Warp& warp, const Op& op) { transfer(warp, op, Access::Kind::load); }
void store_fragment(Warp& warp, const Op& op) { transfer(warp, op, Access::Kind::store); }

// ---- mma
// -------------------------------------------------------------------------------------------------------------

/// The list: number of the wmma shape, of the mma shape, registers of D, A, B, C one after another, member
/// slot; flags: of integers. Repeated registers are left out.
void multiply_wmma(Warp& warp, const Op& op) {
  const std::uint32_t* list = warp.list(op);
  const WmmaShape& w = kShapes[list[0]];
  const MatrixShape& s = kMatrixShapes[list[1]];
  const Composition ca = composition(w, s, Role::a), cb = composition(w, s, Role::b),
                    cc = composition(w, s, Role::c);
  const Slot* d = list + 2;
  const Slot* a = d + cc.registers * cc.parts;
  const Slot* b = a + ca.registers * ca.parts;
  const Slot* c = b + cb.registers * cb.parts;
  if (!all_together(warp, op, c[cc.registers * cc.parts])) return;
  const bool transposed = w.arrangement == Arrangement::transposed;
  const std::uint8_t signs = op.flags & (kSignedA | kSignedB), others = op.flags & kSaturates;
  const std::uint8_t flags =
      static_cast<std::uint8_t>(transposed ? (signs >> 1 & 1) | (signs << 1 & 2) | others : op.flags);
  for (std::uint32_t p = 0; p < cc.parts; ++p) {
    const Slot* part_a = a + (ca.parts == 2 ? p * ca.registers : 0);
    const Slot* part_b = b + (cb.parts == 2 ? p * cb.registers : 0);
    multiply_fragments(warp, s,
                       {transposed ? part_b : part_a, transposed ? part_a : part_b, c + p * cc.registers,
                        d + p * cc.registers},
                       flags);
  }
}

// ---- decoding
// ---------------------------------------------------------------------------------------------------------

std::uint32_t shape_of(const Encoder& e) {
  for (std::uint32_t i = 0; i < kShapes.size(); ++i) {
    const WmmaShape& s = kShapes[i];
    if (e.has("m" + std::to_string(s.m) + "n" + std::to_string(s.n) + "k" + std::to_string(s.k))) return i;
  }
  e.unsupported("shape");
}

std::uint32_t number_of(const Encoder& e, const MatrixShape* shape) {
  if (shape == nullptr) e.unsupported("types");
  return static_cast<std::uint32_t>(shape - kMatrixShapes.data());
}

std::vector<Operand> registers_of(const Operand& operand) {
  return operand.kind == Operand::Kind::vector ? operand.elements : std::vector<Operand>{operand};
}

Type one_of_bytes(Type type) { return type == Type::u8 ? Type::s8 : type; }

Op encode_transfer(Encoder& e, bool store) {
  const Role role = e.has("a") ? Role::a : e.has("b") ? Role::b : Role::c;
  if (role == Role::c && !e.has("c") && !e.has("d")) e.unsupported();
  const std::uint32_t shape = shape_of(e);
  const Type type = one_of_bytes(e.type());
  // The accumulator's type does not matter to A and B, nor theirs to it.
  const MatrixShape* part = nullptr;
  for (const Type other : {Type::f32, Type::f16, Type::s32, Type::f64, Type::s8, Type::bf16, Type::tf32}) {
    const MatrixShape* found =
        role == Role::c ? part_of(kShapes[shape], other, type) : part_of(kShapes[shape], type, other);
    if (found != nullptr && part == nullptr) part = found;
  }
  const std::uint32_t number = number_of(e, part);
  const Composition c = composition(kShapes[shape], *part, role);
  const std::size_t registers_at = store ? 1 : 0, address_at = store ? 0 : 1;
  const std::vector<Operand> registers = registers_of(e.operand(registers_at));
  if (registers.size() != declared_registers(c, role, type))
    e.unsupported("a fragment of " + std::to_string(registers.size()) + " registers");

  const bool generic = !e.has("global") && !e.has("shared") && !e.has("shared::cta");
  const ptx::Space space = generic           ? ptx::Space::generic
                           : e.has("global") ? ptx::Space::global
                                             : ptx::Space::shared;
  const Window window = space == ptx::Space::shared ? Window::shared : Window::global;
  Op op;
  op.klass = window == Window::shared ? (store ? Class::shared_store : Class::shared_load)
                                      : (store ? Class::global_store : Class::global_load);
  op.execute = store ? store_fragment : load_fragment;
  op.trace = origins_kept;
  const Address address = e.address(e.operand(address_at), space);
  op.a = address.base;
  op.immediate = address.offset;
  const std::uint32_t bytes = type == Type::tf32 ? 4 : ptx::bytes_of(type);
  const Type held = type == Type::f64 ? Type::b64 : Type::b32;
  const std::uint32_t packed = bytes == 8 ? 1 : 4 / bytes;
  const bool column_major = e.has("col");
  // Without a stride rows (or columns) follow each other closely.
  const WmmaShape& w = kShapes[shape];
  const std::uint32_t rows = role == Role::b ? w.k : w.m, columns = role == Role::a ? w.k : w.n;
  const Slot stride =
      e.operands() > 2 ? e.read(2, Type::b32) : e.constant_slot(column_major ? rows : columns, 4);
  std::vector<std::uint32_t> list{shape,
                                  number,
                                  static_cast<std::uint32_t>(role),
                                  packed,
                                  bytes,
                                  column_major ? 1u : 0u,
                                  address.wide ? 1u : 0u,
                                  generic ? kGenericSpace : static_cast<std::uint32_t>(window),
                                  stride,
                                  static_cast<std::uint32_t>(registers.size())};
  for (const Operand& each : registers) list.push_back(store ? e.read(each, held) : e.write(each, held));
  list.push_back(e.constant_slot(0xffffffff, 4));
  op.list = e.list(list);
  return op;
}

Op encode_multiply(Encoder& e) {
  const std::uint32_t shape = shape_of(e);
  // Types are D A B C, or, for f16, D C.
  const Type d = e.type(0);
  const bool short_form = e.type(2) == Type::none;
  const Type a = short_form ? Type::f16 : e.type(1), b = short_form ? Type::f16 : e.type(2);
  const Type c = short_form ? e.type(1) : e.type(3);
  if (one_of_bytes(a) != one_of_bytes(b)) e.unsupported("different types of A and B");
  if (d != c) e.unsupported("different types of C and D");
  if (e.has("rz") || e.has("rm") || e.has("rp")) e.unsupported("directed rounding");
  const MatrixShape* part = part_of(kShapes[shape], one_of_bytes(a), d);
  Op op;
  op.klass = Class::matrix;
  op.execute = multiply_wmma;
  op.trace = origins_kept;
  op.flags = static_cast<std::uint8_t>((a == Type::s8 ? kSignedA : 0) | (b == Type::s8 ? kSignedB : 0) |
                                       (e.has("satfinite") ? kSaturates : 0));
  std::vector<std::uint32_t> list{shape, number_of(e, part)};
  const Type held = a == Type::f64 ? Type::b64 : Type::b32;
  const auto append = [&](std::size_t operand, Role role, bool writes) {
    const Composition each = composition(kShapes[shape], *part, role);
    std::vector<Operand> registers = registers_of(e.operand(operand));
    if (registers.size() != declared_registers(each, role, a))
      e.unsupported("a fragment of " + std::to_string(registers.size()) + " registers");
    registers.resize(each.registers * each.parts);
    for (const Operand& reg : registers) list.push_back(writes ? e.write(reg, held) : e.read(reg, held));
  };
  append(0, Role::c, true);
  append(1, Role::a, false);
  append(2, Role::b, false);
  append(3, Role::c, false);
  list.push_back(e.constant_slot(0xffffffff, 4));
  op.list = e.list(list);
  return op;
}

Op encode_wmma(Encoder& e) {
  if (e.has("s4") || e.has("u4") || e.has("b1")) e.unsupported("4-bit and 1-bit integers");
  if (!e.has("sync") || !e.has("aligned")) e.unsupported();
  if (e.has("load")) return encode_transfer(e, false);
  if (e.has("store")) return encode_transfer(e, true);
  if (e.has("mma")) return encode_multiply(e);
  e.unsupported();
}

constexpr Opcode kOpcodes[] = {{"wmma", encode_wmma}};

}  // namespace

std::span<const Opcode> wmma_opcodes() { return kOpcodes; }

}  // namespace softgpu
