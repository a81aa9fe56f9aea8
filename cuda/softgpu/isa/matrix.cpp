// mma.sync, ldmatrix, wmma: products of small matrices whose elements are spread over a warp's lanes.
//
// Which lane holds which element is the manual's ("Matrix Fragments for mma.m16n8k16" and its neighbours),
// with g = lane / 4 and q = lane % 4. All 32 lanes must execute the instruction together. wmma's layout is
// left open by the manual; ours is row after row, and a kernel must not look into it.
#include "matrix.h"

#include <cmath>

#include "../machine/block.h"
#include "../memory/access.h"
#include "../memory/races.h"
#include "families.h"
#include "float16.h"

namespace softgpu {

namespace {

using ptx::Operand;
using ptx::Type;

// ---- shapes
// -------------------------------------------------------------------------------------------------------

/// Where an element of an operand lies: element e of lane l (registers hold `packed` elements each, low bits
/// first).
struct Element {
  std::uint32_t row, column;
};

/// A (rows m, columns k). `packed` elements a register.
Element a_element(const MatrixShape& s, std::uint32_t lane, std::uint32_t e) {
  const std::uint32_t g = lane / 4, q = lane % 4, r = e / s.packed, h = e % s.packed;
  if (s.m == 8) return {g, q};  // m8n8k4 f64
  return {g + 8 * (r & 1), s.packed * q + h + 4 * s.packed * (r >> 1)};
}
/// B (rows k, columns n).
Element b_element(const MatrixShape& s, std::uint32_t lane, std::uint32_t e) {
  const std::uint32_t g = lane / 4, q = lane % 4, r = e / s.packed, h = e % s.packed;
  return {s.packed * q + h + 4 * s.packed * r, g};
}
/// C and D.
Element c_element(const MatrixShape& s, std::uint32_t lane, std::uint32_t e) {
  const std::uint32_t g = lane / 4, q = lane % 4;
  if (s.m == 8) return {g, 2 * q + e};
  return {g + 8 * (e >> 1), 2 * q + (e & 1)};
}

// ---- arithmetic
// ---------------------------------------------------------------------------------------------------

/// One sum of A100's tensor core: products and accumulator aligned to the greatest exponent, cut off below
/// 2^-24 of it, added exactly, cut off to f32 (Fasi, Higham, Mikaitis and Pranesh 2021; Li et al. 2024 for
/// the widths).
float hardware_sum(const float* a, const float* b, std::uint32_t b_stride, std::uint32_t count, float c) {
  int greatest = -132;
  const auto exponent = [](float value) { return value == 0 ? -10000 : std::max(std::ilogb(value), -126); };
  for (std::uint32_t i = 0; i < count; ++i) {
    if (a[i] != 0 && b[i * b_stride] != 0)
      greatest = std::max(greatest, exponent(a[i]) + exponent(b[i * b_stride]));
  }
  greatest = std::max(greatest, exponent(c));
  std::int64_t sum = static_cast<std::int64_t>(std::ldexp(static_cast<double>(c), 24 - greatest));
  for (std::uint32_t i = 0; i < count; ++i) {
    const double product = static_cast<double>(a[i]) * static_cast<double>(b[i * b_stride]);  // exact
    sum += static_cast<std::int64_t>(std::ldexp(product, 24 - greatest));
  }
  if (sum == 0) return 0.0f;
  // To f32 toward zero: keep 24 significant bits, fewer where the result is subnormal.
  const std::uint64_t magnitude = static_cast<std::uint64_t>(sum < 0 ? -sum : sum);
  const int top = 63 - std::countl_zero(magnitude), unit = greatest - 24;
  int drop = std::max(0, top - 23);
  drop = std::max(drop, -149 - unit);
  const std::uint64_t kept = drop >= 64 ? 0 : magnitude >> drop << drop;
  const double value = std::ldexp(static_cast<double>(kept), unit);
  const double limited = std::min(value, 0x1.fffffep127);
  return static_cast<float>(sum < 0 ? -limited : limited);
}

bool finite(const float* values, std::uint32_t count) {
  float sum = 0;
  for (std::uint32_t i = 0; i < count; ++i) sum += values[i] * 0.0f;
  return sum == 0.0f;
}

/// D = A B + C for floats. A is m x k, B k x n, both row after row.
void multiply(const MatrixShape& s, const float* a, const float* b, const float* c, float* d, bool hardware) {
  const bool ordinary = finite(a, s.m * s.k) && finite(b, s.k * s.n) && finite(c, s.m * s.n);
  if (hardware && ordinary) {
    const std::uint32_t group = std::min(s.k, s.element == Type::tf32 ? 4u : 8u);
    for (std::uint32_t i = 0; i < s.m; ++i) {
      for (std::uint32_t j = 0; j < s.n; ++j) {
        float sum = c[i * s.n + j];
        for (std::uint32_t k = 0; k < s.k; k += group) {
          sum = hardware_sum(a + i * s.k + k, b + k * s.n + j, s.n, group, sum);
        }
        d[i * s.n + j] = sum;
      }
    }
    return;
  }
  for (std::uint32_t i = 0; i < s.m; ++i) {
    float sums[16];
    for (std::uint32_t j = 0; j < s.n; ++j) sums[j] = c[i * s.n + j];
    for (std::uint32_t k = 0; k < s.k; ++k) {
      const float x = a[i * s.k + k];
      const float* row = b + k * s.n;
      for (std::uint32_t j = 0; j < s.n; ++j) sums[j] = std::fma(x, row[j], sums[j]);
    }
    for (std::uint32_t j = 0; j < s.n; ++j) {
      d[i * s.n + j] = sums[j] != sums[j] ? std::bit_cast<float>(0x7fffffffu) : sums[j];
    }
  }
}

float to_float(Type type, std::uint32_t bits) {
  switch (type) {
    case Type::f16:
      return static_cast<float>(f16_to_double(static_cast<std::uint16_t>(bits)));
    case Type::bf16:
      return bf16_to_float(static_cast<std::uint16_t>(bits));
    case Type::tf32:
      return std::bit_cast<float>(bits & 0xffffe000u);  // the hardware reads the upper 19 bits
    default:
      return std::bit_cast<float>(bits);
  }
}

/// Waits for all lanes; reports lanes that have exited. True if the instruction is to be executed now.
bool all_together(Warp& warp, const Op& op, Slot everyone) {
  if (!warp.gather(op, everyone)) return false;
  if (!warp.all_lanes()) {
    warp.report(Check::collective, static_cast<std::uint32_t>(std::countr_zero(~warp.mask)),
                "an .aligned instruction must be executed by all 32 lanes of the warp; some have exited or "
                "never existed");
  }
  return true;
}

/// Reports the first element of an operand's registers that nobody wrote. `element` maps its place.
template <class Place>
void check_fragment(Warp& warp, const MatrixShape& s, char name, const std::uint32_t* slots,
                    std::uint32_t count, std::uint32_t elements_a_register, Place place) {
  if (!warp.block().settings().checks) return;
  for (std::uint32_t r = 0; r < count; ++r) {
    const std::uint32_t missing = ~warp.defined(slots[r]);
    if (missing == 0) continue;
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(missing));
    const Element at = place(s, lane, r * elements_a_register);
    warp.report(Check::uninitialised, lane,
                std::string("a value nobody wrote is used in an mma: register ") + std::to_string(r) +
                    " of " + name + " in lane " + std::to_string(lane) + ", element (" +
                    std::to_string(at.row) + ", " + std::to_string(at.column) + ") of the fragment");
    return;
  }
}

// ---- mma
// ----------------------------------------------------------------------------------------------------------

/// The list: D, A, B, C registers one after another, then the member slot; immediate: index of the shape.
struct MmaList {
  const std::uint32_t* values;
  const MatrixShape& shape;
  const std::uint32_t* d() const { return values; }
  const std::uint32_t* a() const { return d() + shape.c_registers(); }
  const std::uint32_t* b() const { return a() + shape.a_registers(); }
  const std::uint32_t* c() const { return b() + shape.b_registers(); }
  Slot everyone() const { return c()[shape.c_registers()]; }
};

bool begin_mma(Warp& warp, const Op& op, const MmaList& list) {
  const MatrixShape& s = list.shape;
  if (!all_together(warp, op, list.everyone())) return false;
  check_fragment(warp, s, 'A', list.a(), s.a_registers(), s.packed, a_element);
  check_fragment(warp, s, 'B', list.b(), s.b_registers(), s.packed, b_element);
  check_fragment(warp, s, 'C', list.c(), s.c_registers(), s.m * s.n / kLanes / s.c_registers(), c_element);
  check_declared_fragments(warp, s, list.a(), list.b());
  warp.counters().mma += 1;
  warp.counters().mma_flops += 2ull * s.m * s.n * s.k;
  return true;
}

void mma_float(Warp& warp, const Op& op) {
  const MatrixShape& s = kMatrixShapes[op.immediate];
  const MmaList list{warp.list(op), s};
  if (!begin_mma(warp, op, list)) return;
  alignas(64) float a[16 * 16], b[16 * 8], c[16 * 8], d[16 * 8];
  const std::uint32_t bits = 32 / s.packed, mask = bits == 32 ? ~0u : (1u << bits) - 1;
  for (std::uint32_t e = 0; e < s.a_registers() * s.packed; ++e) {
    const std::uint32_t* lanes = warp.lanes<std::uint32_t>(list.a()[e / s.packed]);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const Element at = a_element(s, l, e);
      a[at.row * s.k + at.column] = to_float(s.element, lanes[l] >> (bits * (e % s.packed)) & mask);
    }
  }
  for (std::uint32_t e = 0; e < s.b_registers() * s.packed; ++e) {
    const std::uint32_t* lanes = warp.lanes<std::uint32_t>(list.b()[e / s.packed]);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const Element at = b_element(s, l, e);
      b[at.row * s.n + at.column] = to_float(s.element, lanes[l] >> (bits * (e % s.packed)) & mask);
    }
  }
  const bool half = s.accumulator == Type::f16;
  const std::uint32_t each = half ? 2 : 1;
  for (std::uint32_t e = 0; e < 4; ++e) {
    const std::uint32_t* lanes = warp.lanes<std::uint32_t>(list.c()[e / each]);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const Element at = c_element(s, l, e);
      c[at.row * s.n + at.column] =
          half ? to_float(Type::f16, lanes[l] >> (16 * (e & 1)) & 0xffff) : std::bit_cast<float>(lanes[l]);
    }
  }
  multiply(s, a, b, c, d, warp.block().settings().exact_mma);
  for (std::uint32_t r = 0; r < s.c_registers(); ++r) {
    std::uint32_t* lanes = warp.lanes<std::uint32_t>(list.d()[r]);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      if ((warp.mask >> l & 1) == 0) continue;
      std::uint32_t word = 0;
      for (std::uint32_t h = 0; h < each; ++h) {
        const Element at = c_element(s, l, r * each + h);
        const float value = d[at.row * s.n + at.column];
        word |= half ? static_cast<std::uint32_t>(f16_from(static_cast<double>(value))) << (16 * h)
                     : std::bit_cast<std::uint32_t>(value);
      }
      lanes[l] = word;
    }
    warp.define(list.d()[r]);
  }
}

void mma_integer(Warp& warp, const Op& op) {
  const MatrixShape& s = kMatrixShapes[op.immediate];
  const MmaList list{warp.list(op), s};
  if (!begin_mma(warp, op, list)) return;
  const bool a_signed = (op.flags & 1) != 0, b_signed = (op.flags & 2) != 0, saturates = (op.flags & 4) != 0;
  std::int32_t a[16 * 32], b[32 * 8];
  const auto value = [](std::uint32_t word, std::uint32_t i, bool is_signed) {
    const std::uint32_t byte = word >> (8 * i) & 0xff;
    return is_signed ? static_cast<std::int32_t>(static_cast<std::int8_t>(byte))
                     : static_cast<std::int32_t>(byte);
  };
  for (std::uint32_t l = 0; l < kLanes; ++l) {
    for (std::uint32_t e = 0; e < 4 * s.a_registers(); ++e) {
      const Element at = a_element(s, l, e);
      a[at.row * s.k + at.column] = value(warp.lanes<std::uint32_t>(list.a()[e / 4])[l], e % 4, a_signed);
    }
    for (std::uint32_t e = 0; e < 4 * s.b_registers(); ++e) {
      const Element at = b_element(s, l, e);
      b[at.row * s.n + at.column] = value(warp.lanes<std::uint32_t>(list.b()[e / 4])[l], e % 4, b_signed);
    }
  }
  std::int32_t result[4][kLanes];
  for (std::uint32_t l = 0; l < kLanes; ++l) {
    for (std::uint32_t e = 0; e < 4; ++e) {
      const Element at = c_element(s, l, e);
      std::int64_t sum = warp.lanes<std::int32_t>(list.c()[e])[l];
      for (std::uint32_t k = 0; k < s.k; ++k)
        sum += std::int64_t{a[at.row * s.k + k]} * b[k * s.n + at.column];
      if (saturates) sum = std::min<std::int64_t>(INT32_MAX, std::max<std::int64_t>(INT32_MIN, sum));
      result[e][l] = static_cast<std::int32_t>(sum);
    }
  }
  for (std::uint32_t e = 0; e < 4; ++e) {
    std::int32_t* d = warp.lanes<std::int32_t>(list.d()[e]);
    for (std::uint32_t l = 0; l < kLanes; ++l) d[l] = (warp.mask >> l & 1) != 0 ? result[e][l] : d[l];
    warp.define(list.d()[e]);
  }
}

void mma_double(Warp& warp, const Op& op) {
  const MatrixShape& s = kMatrixShapes[op.immediate];
  const MmaList list{warp.list(op), s};
  if (!begin_mma(warp, op, list)) return;
  double result[2][kLanes];
  const double *a = warp.lanes<double>(list.a()[0]), *b = warp.lanes<double>(list.b()[0]);
  for (std::uint32_t l = 0; l < kLanes; ++l) {
    for (std::uint32_t e = 0; e < 2; ++e) {
      const Element at = c_element(s, l, e);
      double sum = warp.lanes<double>(list.c()[e])[l];
      for (std::uint32_t k = 0; k < 4; ++k) sum = std::fma(a[at.row * 4 + k], b[at.column * 4 + k], sum);
      result[e][l] = sum;
    }
  }
  for (std::uint32_t e = 0; e < 2; ++e) {
    double* d = warp.lanes<double>(list.d()[e]);
    for (std::uint32_t l = 0; l < kLanes; ++l) d[l] = (warp.mask >> l & 1) != 0 ? result[e][l] : d[l];
    warp.define(list.d()[e]);
  }
}

const std::vector<Operand>& parts(const Operand& operand) {
  static const std::vector<Operand> none;
  return operand.kind == Operand::Kind::vector ? operand.elements : none;
}

Op encode_mma(Encoder& e) {
  if (!e.has("sync") || !e.has("aligned") || e.has("sp") || !e.has("row") || !e.has("col")) e.unsupported();
  const Type d = e.type(0), a = e.type(1), b = e.type(2), c = e.type(3);
  const bool bytes = a == Type::s8 || a == Type::u8;
  if (d != c || (!bytes && a != b)) e.unsupported();
  Op op;
  op.klass = Class::matrix;
  bool known = false;
  for (std::size_t i = 0; i < kMatrixShapes.size(); ++i) {
    const MatrixShape& s = kMatrixShapes[i];
    const std::string name =
        "m" + std::to_string(s.m) + "n" + std::to_string(s.n) + "k" + std::to_string(s.k);
    if (!e.has(name) || s.accumulator != d || s.element != (bytes ? Type::s8 : a)) continue;
    op.immediate = i;
    known = true;
  }
  if (!known) e.unsupported("matrix shape");
  const MatrixShape& s = kMatrixShapes[op.immediate];
  op.execute = s.element == Type::f64 ? mma_double : s.element == Type::s8 ? mma_integer : mma_float;
  op.flags = static_cast<std::uint8_t>((a == Type::s8 ? 1 : 0) | (b == Type::s8 ? 2 : 0) |
                                       (e.has("satfinite") ? 4 : 0));
  const Type held = s.element == Type::f64 ? Type::f64 : Type::b32;
  std::vector<std::uint32_t> list;
  const auto append = [&](std::size_t operand, std::uint32_t count, bool writes) {
    const Operand& each = e.operand(operand);
    const std::vector<Operand> single{each};
    const auto& registers = each.kind == Operand::Kind::vector ? parts(each) : single;
    if (registers.size() != count)
      e.unsupported("a fragment of " + std::to_string(registers.size()) + " registers");
    for (const Operand& reg : registers) list.push_back(writes ? e.write(reg, held) : e.read(reg, held));
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
// -----------------------------------------------------------------------------------------------------

/// flags: number of matrices | transposed << 4 | wide address << 5 | generic << 6. list: destinations, member
/// slot.
void load_matrices(Warp& warp, const Op& op) {
  const std::uint32_t count = op.flags & 7;
  const std::uint32_t* list = warp.list(op);
  if (!all_together(warp, op, list[count])) return;
  const bool transposed = (op.flags & 16) != 0;
  Access access;
  access.window = Window::shared;
  access.bytes = 16;
  const std::uint32_t rows = count == 4 ? 0xffffffff : (1u << (8 * count)) - 1;
  begin_access(warp, access, op.a, (op.flags & 32) != 0, op.immediate, (op.flags & 64) != 0, rows);
  Located located;
  locate(warp, access, located);
  defined_lanes(warp, access, located);  // reports copies in flight
  check_races(warp, access);
  count_access(warp, access);
  std::uint32_t values[4][kLanes], known[4] = {};
  const bool checks = warp.block().settings().checks;
  for (std::uint32_t m = 0; m < count; ++m) {
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const std::uint32_t g = l / 4, q = l % 4;
      std::uint32_t word = 0, shadow = 0xffffffff;
      if (transposed) {
        for (std::uint32_t h = 0; h < 2; ++h) {
          std::uint16_t half, defined;
          std::memcpy(&half, located.bytes[8 * m + 2 * q + h] + 2 * g, 2);
          std::memcpy(&defined, located.defined[8 * m + 2 * q + h] + 2 * g, 2);
          word |= static_cast<std::uint32_t>(half) << (16 * h);
          shadow = defined == 0xffff ? shadow : 0;
        }
      } else {
        std::memcpy(&word, located.bytes[8 * m + g] + 4 * q, 4);
        std::memcpy(&shadow, located.defined[8 * m + g] + 4 * q, 4);
      }
      values[m][l] = word;
      known[m] |= static_cast<std::uint32_t>(!checks || shadow == 0xffffffff) << l;
    }
  }
  for (std::uint32_t m = 0; m < count; ++m) {
    std::uint32_t* d = warp.lanes<std::uint32_t>(list[m]);
    for (std::uint32_t l = 0; l < kLanes; ++l) d[l] = (warp.mask >> l & 1) != 0 ? values[m][l] : d[l];
    warp.define(list[m], known[m]);
  }
}

Op encode_ldmatrix(Encoder& e) {
  if (!e.has("m8n8") || !e.has("b16")) e.unsupported();
  Op op;
  op.klass = Class::shared_load;
  op.execute = load_matrices;
  const std::uint32_t count = e.has("x4") ? 4 : e.has("x2") ? 2 : 1;
  const bool generic = !e.has("shared") && !e.has("shared::cta");
  const Address address = e.address(e.operand(1), generic ? ptx::Space::generic : ptx::Space::shared);
  op.a = address.base;
  op.immediate = address.offset;
  op.flags = static_cast<std::uint8_t>(count | (e.has("trans") ? 16 : 0) | (address.wide ? 32 : 0) |
                                       (generic ? 64 : 0));
  const Operand& destination = e.operand(0);
  const std::vector<Operand> single{destination};
  const auto& registers = destination.kind == Operand::Kind::vector ? destination.elements : single;
  if (registers.size() != count) e.unsupported("that number of registers");
  std::vector<std::uint32_t> list;
  for (const Operand& each : registers) list.push_back(e.write(each, Type::b32));
  list.push_back(e.constant_slot(0xffffffff, 4));
  op.list = e.list(list);
  return op;
}

constexpr Opcode kOpcodes[] = {{"mma", encode_mma}, {"ldmatrix", encode_ldmatrix}};

}  // namespace

std::span<const Opcode> matrix_opcodes() { return kOpcodes; }

}  // namespace softgpu
