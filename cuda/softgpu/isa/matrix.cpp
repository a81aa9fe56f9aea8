// mma.sync, ldmatrix, movmatrix: products and moves of small matrices whose elements are spread over a warp's
// lanes. All 32 lanes must execute the instruction together.
#include "matrix.h"

#include <algorithm>
#include <cmath>

#include "../machine/block.h"
#include "../memory/access.h"
#include "../memory/origins.h"
#include "../memory/races.h"
#include "families.h"
#include "tensor_core.h"

namespace softgpu {

using ptx::Operand;
using ptx::Type;

bool all_together(Warp& warp, const Op& op, Slot everyone) {
  if (!warp.gather(op, everyone)) return false;
  if (!warp.all_lanes()) {
    warp.report(Check::collective, static_cast<std::uint32_t>(std::countr_zero(~warp.mask)),
                "an .aligned instruction must be executed by all 32 lanes of the warp; some have exited or "
                "never existed");
  }
  return true;
}

namespace {

/// Reports the first element of an operand's registers that nobody wrote.
void check_written(Warp& warp, const MatrixShape& s, char name, const Slot* slots, std::uint32_t count,
                   std::uint32_t packed, Layout layout) {
  for (std::uint32_t r = 0; r < count; ++r) {
    const std::uint32_t missing = ~warp.defined(slots[r]);
    if (missing == 0) continue;
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(missing));
    const Element at = layout(s, lane, r * packed);
    warp.report(Check::uninitialised, lane,
                std::string("a value nobody wrote is used in an mma: register ") + std::to_string(r) +
                    " of " + name + " in lane " + std::to_string(lane) + ", element (" +
                    std::to_string(at.row) + ", " + std::to_string(at.column) + ") of the fragment");
    return;
  }
}

/// d = a b + c, one rounding an addition along k.
void multiply_doubles(Warp& warp, const MatrixShape& s, const FragmentSlots& slots) {
  double result[2][kLanes];
  const double *a = warp.lanes<double>(slots.a[0]), *b = warp.lanes<double>(slots.b[0]);
  for (std::uint32_t e = 0; e < 2; ++e) {
    const double* c = warp.lanes<double>(slots.c[e]);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const Element at = c_element(s, l, e);
      double sum = c[l];
      for (std::uint32_t k = 0; k < 4; ++k) sum = std::fma(a[at.row * 4 + k], b[at.column * 4 + k], sum);
      result[e][l] = sum != sum ? std::bit_cast<double>(0x7ff8000000000000ull) : sum;
    }
  }
  for (std::uint32_t e = 0; e < 2; ++e) {
    double* d = warp.lanes<double>(slots.d[e]);
    for (std::uint32_t l = 0; l < kLanes; ++l) d[l] = (warp.mask >> l & 1) != 0 ? result[e][l] : d[l];
  }
}

}  // namespace

void multiply_fragments(Warp& warp, const MatrixShape& s, const FragmentSlots& slots,
                        std::uint8_t integer_flags) {
  const Settings& settings = warp.block().settings();
  if (settings.checks) {
    std::uint32_t written = ~0u;
    for (std::uint32_t r = 0; r < s.a_registers(); ++r) written &= warp.defined(slots.a[r]);
    for (std::uint32_t r = 0; r < s.b_registers(); ++r) written &= warp.defined(slots.b[r]);
    for (std::uint32_t r = 0; r < s.c_registers(); ++r) written &= warp.defined(slots.c[r]);
    if (written != ~0u) {
      check_written(warp, s, 'A', slots.a, s.a_registers(), s.packed, a_element);
      check_written(warp, s, 'B', slots.b, s.b_registers(), s.packed, b_element);
      check_written(warp, s, 'C', slots.c, s.c_registers(), s.c_packed(), c_element);
    }
  }
  if (warp.traces_origins()) check_declared_fragments(warp, s, slots);
  warp.counters().mma += 1;
  warp.counters().mma_flops += 2ull * s.m * s.n * s.k;

  if (s.element == Type::f64) {
    multiply_doubles(warp, s, slots);
  } else {
    alignas(64) std::uint32_t result[4][kLanes];
    Fragments fragments{};
    for (std::uint32_t r = 0; r < s.a_registers(); ++r)
      fragments.a[r] = warp.lanes<std::uint32_t>(slots.a[r]);
    for (std::uint32_t r = 0; r < s.b_registers(); ++r)
      fragments.b[r] = warp.lanes<std::uint32_t>(slots.b[r]);
    for (std::uint32_t r = 0; r < s.c_registers(); ++r) {
      fragments.c[r] = warp.lanes<std::uint32_t>(slots.c[r]);
      fragments.d[r] = result[r];
    }
    if (s.element == Type::s8) {
      multiply_integers(s, fragments,
                        {(integer_flags & kSignedA) != 0, (integer_flags & kSignedB) != 0,
                         (integer_flags & kSaturates) != 0});
    } else {
      multiply_floats(s, fragments, settings.exact_mma);
    }
    for (std::uint32_t r = 0; r < s.c_registers(); ++r) {
      std::uint32_t* d = warp.lanes<std::uint32_t>(slots.d[r]);
      for (std::uint32_t l = 0; l < kLanes; ++l) d[l] = (warp.mask >> l & 1) != 0 ? result[r][l] : d[l];
    }
  }
  for (std::uint32_t r = 0; r < s.c_registers(); ++r) warp.define(slots.d[r]);
}

namespace {

// ---- mma
// -------------------------------------------------------------------------------------------------------------

/// The list: D, A, B, C registers one after another, then the member slot; immediate: index of the shape;
/// flags: of integers.
void mma(Warp& warp, const Op& op) {
  const MatrixShape& s = kMatrixShapes[op.immediate];
  const Slot* d = warp.list(op);
  const Slot* a = d + s.c_registers();
  const Slot* b = a + s.a_registers();
  const Slot* c = b + s.b_registers();
  if (all_together(warp, op, c[s.c_registers()])) multiply_fragments(warp, s, {a, b, c, d}, op.flags);
}

/// Registers of a scalar or vector operand.
std::vector<Operand> registers_of(const Operand& operand) {
  return operand.kind == Operand::Kind::vector ? operand.elements : std::vector<Operand>{operand};
}

Op encode_mma(Encoder& e) {
  if (e.has("s4") || e.has("u4") || e.has("b1")) e.unsupported("4-bit and 1-bit integers");
  if (e.has("sp") || e.has("sp::ordered_metadata")) e.unsupported("sparse matrices");
  if (!e.has("sync") || !e.has("aligned") || !e.has("row") || !e.has("col")) e.unsupported("layout");
  const Type d = e.type(0), a = e.type(1), b = e.type(2), c = e.type(3);
  const bool bytes = (a == Type::s8 || a == Type::u8) && (b == Type::s8 || b == Type::u8);
  if (!bytes && a != b) e.unsupported("different types of A and B");
  if (d != c) e.unsupported("different types of C and D");
  Op op;
  op.klass = Class::matrix;
  op.execute = mma;
  op.trace = origins_kept;
  bool known = false;
  for (std::size_t i = 0; i < kMatrixShapes.size(); ++i) {
    const MatrixShape& s = kMatrixShapes[i];
    const std::string name =
        "m" + std::to_string(s.m) + "n" + std::to_string(s.n) + "k" + std::to_string(s.k);
    if (!e.has(name) || s.accumulator != d || s.element != (bytes ? Type::s8 : a)) continue;
    op.immediate = i;
    known = true;
  }
  if (!known) e.unsupported("a shape or a combination of types that sm_80's mma does not have here");
  const MatrixShape& s = kMatrixShapes[op.immediate];
  op.flags = static_cast<std::uint8_t>((a == Type::s8 ? kSignedA : 0) | (b == Type::s8 ? kSignedB : 0) |
                                       (e.has("satfinite") ? kSaturates : 0));
  const Type held = s.element == Type::f64 ? Type::f64 : Type::b32;
  std::vector<std::uint32_t> list;
  const auto append = [&](std::size_t operand, std::uint32_t count, bool writes) {
    const std::vector<Operand> registers = registers_of(e.operand(operand));
    if (registers.size() != count)
      e.unsupported("a fragment of " + std::to_string(registers.size()) + " registers where " +
                    std::to_string(count) + " are expected");
    for (const Operand& each : registers) list.push_back(writes ? e.write(each, held) : e.read(each, held));
  };
  append(0, s.c_registers(), true);
  append(1, s.a_registers(), false);
  append(2, s.b_registers(), false);
  append(3, s.c_registers(), false);
  list.push_back(e.constant_slot(0xffffffff, 4));
  op.list = e.list(list);
  return op;
}

// ---- ldmatrix
// ------------------------------------------------------------------------------------------------------------

/// flags: number of matrices | transposed << 4 | wide address << 5 | generic << 6. list: destinations, member
/// slot.
void load_matrices(Warp& warp, const Op& op) {
  const std::uint32_t count = op.flags & 7;
  const std::uint32_t* list = warp.list(op);
  if (!all_together(warp, op, list[count])) return;
  const bool transposed = (op.flags & 16) != 0, generic = (op.flags & 64) != 0;
  // Lane 8 m + j holds the address of row j of matrix m. A lane that has exited holds none: its rows stay
  // what they are.
  const std::uint32_t rows = (count == 4 ? 0xffffffff : (1u << (8 * count)) - 1) & warp.mask;
  if (rows == 0) return;
  Access access;
  access.window = Window::shared;
  access.bytes = 16;
  const std::uint32_t elsewhere =
      begin_access(warp, access, op.a, (op.flags & 32) != 0, op.immediate, generic, rows);
  if (elsewhere != 0 || access.window != Window::shared) {
    warp.fault(Check::address_space,
               static_cast<std::uint32_t>(std::countr_zero(elsewhere != 0 ? elsewhere : rows)),
               "ldmatrix reads shared memory only", 717);
  }
  Located located;
  locate(warp, access, located);
  defined_lanes(warp, access, located);  // reports copies in flight
  check_races(warp, access);
  count_access(warp, access);
  const Origins* origins = warp.traces_origins() ? &warp.block().origins() : nullptr;
  std::uint32_t known[4] = {};
  alignas(64) std::uint32_t values[4][kLanes] = {};
  std::vector<Origin> sources(origins != nullptr ? std::size_t{4} * kSlotBytes : 0);
  const bool checks = warp.block().settings().checks;
  for (std::uint32_t m = 0; m < count; ++m) {
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const std::uint32_t g = l / 4, q = l % 4;
      bool defined = true;
      std::uint32_t word = 0;
      for (std::uint32_t h = 0; h < 2; ++h) {
        const std::uint32_t row = 8 * m + (transposed ? 2 * q + h : g);
        const std::uint32_t column = transposed ? g : 2 * q + h;
        if ((rows >> row & 1) == 0) continue;
        std::uint16_t half, shadow;
        std::memcpy(&half, located.bytes[row] + 2 * column, 2);
        std::memcpy(&shadow, located.defined[row] + 2 * column, 2);
        word |= static_cast<std::uint32_t>(half) << (16 * h);
        defined = defined && shadow == 0xffff;
        if (origins != nullptr) {
          origins->read(Window::shared, access.address[row] + 2 * column, 2,
                        &sources[std::size_t{m} * kSlotBytes + 4 * l + 2 * h]);
        }
      }
      values[m][l] = word;
      known[m] |= static_cast<std::uint32_t>(!checks || defined) << l;
    }
  }
  for (std::uint32_t m = 0; m < count; ++m) {
    std::uint32_t* d = warp.lanes<std::uint32_t>(list[m]);
    for (std::uint32_t l = 0; l < kLanes; ++l) d[l] = (warp.mask >> l & 1) != 0 ? values[m][l] : d[l];
    warp.define(list[m], known[m]);
    if (origins != nullptr)
      std::copy_n(&sources[std::size_t{m} * kSlotBytes], kSlotBytes, warp.origins(list[m]));
  }
}

Op encode_ldmatrix(Encoder& e) {
  if (!e.has("sync") || !e.has("aligned") || !e.has("m8n8") || !e.has("b16"))
    e.unsupported("a form later than sm_80");
  Op op;
  op.klass = Class::shared_load;
  op.execute = load_matrices;
  op.trace = origins_kept;
  const std::uint32_t count = e.has("x4") ? 4 : e.has("x2") ? 2 : 1;
  const bool generic = !e.has("shared") && !e.has("shared::cta");
  const Address address = e.address(e.operand(1), generic ? ptx::Space::generic : ptx::Space::shared);
  op.a = address.base;
  op.immediate = address.offset;
  op.flags = static_cast<std::uint8_t>(count | (e.has("trans") ? 16 : 0) | (address.wide ? 32 : 0) |
                                       (generic ? 64 : 0));
  const std::vector<Operand> registers = registers_of(e.operand(0));
  if (registers.size() != count) e.unsupported("that number of registers");
  std::vector<std::uint32_t> list;
  list.reserve(registers.size() + 1);
  for (const Operand& each : registers) list.push_back(e.write(each, Type::b32));
  list.push_back(e.constant_slot(0xffffffff, 4));
  op.list = e.list(list);
  return op;
}

Op encode_stmatrix(Encoder& e) { e.unsupported("stmatrix needs sm_90; this device is sm_80"); }

// ---- movmatrix
// -----------------------------------------------------------------------------------------------------------

/// The 8 x 8 matrix of b16 whose row g, columns 2q and 2q+1 lane 4 g + q holds, transposed. list: member
/// slot.
void transpose_matrix(Warp& warp, const Op& op) {
  if (!all_together(warp, op, warp.list(op)[0])) return;
  const std::uint32_t* a = warp.lanes<std::uint32_t>(op.a);
  std::uint32_t* d = warp.lanes<std::uint32_t>(op.d);
  std::uint32_t values[kLanes], known = 0;
  Origin sources[kSlotBytes] = {};
  for (std::uint32_t l = 0; l < kLanes; ++l) {
    const std::uint32_t g = l / 4, q = l % 4;
    values[l] = 0;
    std::uint32_t defined = 1;
    for (std::uint32_t h = 0; h < 2; ++h) {  // element (2 q + h, g)
      const std::uint32_t from = 4 * (2 * q + h) + g / 2, half = g % 2;
      values[l] |= (a[from] >> (16 * half) & 0xffff) << (16 * h);
      defined &= warp.defined(op.a) >> from;
      if (warp.traces_origins())
        std::copy_n(warp.origins(op.a) + 4 * from + 2 * half, 2, sources + 4 * l + 2 * h);
    }
    known |= (defined & 1) << l;
  }
  for (std::uint32_t l = 0; l < kLanes; ++l) d[l] = (warp.mask >> l & 1) != 0 ? values[l] : d[l];
  warp.define(op.d, known);
  if (warp.traces_origins()) std::copy_n(sources, kSlotBytes, warp.origins(op.d));
}

Op encode_movmatrix(Encoder& e) {
  if (!e.has("sync") || !e.has("aligned") || !e.has("m8n8") || !e.has("trans") || !e.has("b16"))
    e.unsupported();
  Op op;
  op.klass = Class::shuffle;
  op.execute = transpose_matrix;
  op.trace = origins_kept;
  op.a = e.read(1, Type::b32);
  op.d = e.write(0, Type::b32);
  op.list = e.list({e.constant_slot(0xffffffff, 4)});
  return op;
}

constexpr Opcode kOpcodes[] = {{"mma", encode_mma},
                               {"ldmatrix", encode_ldmatrix},
                               {"stmatrix", encode_stmatrix},
                               {"movmatrix", encode_movmatrix}};

}  // namespace

std::span<const Opcode> matrix_opcodes() { return kOpcodes; }

}  // namespace softgpu
