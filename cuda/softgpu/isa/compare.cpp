// setp and set: comparisons, alone or combined with a predicate.
#include <cmath>

#include "../machine/block.h"
#include "families.h"
#include "float16.h"
#include "float32.h"

namespace softgpu {

namespace {

using ptx::Operand;
using ptx::Type;

enum class Relation : std::uint8_t { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };

constexpr std::array<std::string_view, 14> kRelations{"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "equ",
                                                      "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};

/// eq ... ge are false on NaN (ne too), equ ... geu true.
template <class T>
bool holds(Relation relation, T a, T b) {
  bool unordered = false;
  if constexpr (std::is_floating_point_v<T>) unordered = std::isnan(a) || std::isnan(b);
  switch (relation) {
    case Relation::eq:
      return a == b;
    case Relation::ne:
      return !unordered && a != b;
    case Relation::lt:
      return a < b;
    case Relation::le:
      return a <= b;
    case Relation::gt:
      return a > b;
    case Relation::ge:
      return a >= b;
    case Relation::equ:
      return unordered || a == b;
    case Relation::neu:
      return unordered || a != b;
    case Relation::ltu:
      return unordered || a < b;
    case Relation::leu:
      return unordered || a <= b;
    case Relation::gtu:
      return unordered || a > b;
    case Relation::geu:
      return unordered || a >= b;
    case Relation::num:
      return !unordered;
    case Relation::nan:
      return unordered;
  }
  return false;
}

template <Relation kRelation, class T>
std::uint32_t compare_lanes(const T* a, const T* b) {
  std::uint32_t result = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i)
    result |= static_cast<std::uint32_t>(holds(kRelation, a[i], b[i])) << i;
  return result;
}

/// Bits of Op::flags: 4 relation, 1 flush subnormals (f32), 1 second half of a pair (f16x2), 1 bf16.
enum Flag : std::uint8_t { kFlush = 16, kBf16 = 32 };

template <class T>
std::uint32_t compare(const T* a, const T* b, Relation relation) {
  switch (relation) {
    case Relation::eq:
      return compare_lanes<Relation::eq>(a, b);
    case Relation::ne:
      return compare_lanes<Relation::ne>(a, b);
    case Relation::lt:
      return compare_lanes<Relation::lt>(a, b);
    case Relation::le:
      return compare_lanes<Relation::le>(a, b);
    case Relation::gt:
      return compare_lanes<Relation::gt>(a, b);
    case Relation::ge:
      return compare_lanes<Relation::ge>(a, b);
    case Relation::equ:
      return compare_lanes<Relation::equ>(a, b);
    case Relation::neu:
      return compare_lanes<Relation::neu>(a, b);
    case Relation::ltu:
      return compare_lanes<Relation::ltu>(a, b);
    case Relation::leu:
      return compare_lanes<Relation::leu>(a, b);
    case Relation::gtu:
      return compare_lanes<Relation::gtu>(a, b);
    case Relation::geu:
      return compare_lanes<Relation::geu>(a, b);
    case Relation::num:
      return compare_lanes<Relation::num>(a, b);
    case Relation::nan:
      return compare_lanes<Relation::nan>(a, b);
  }
  return 0;
}

/// Compares the sources as T; S is how their registers hold them.
template <class T>
std::uint32_t compare_sources(Warp& warp, const Op& op) {
  const auto relation = static_cast<Relation>(op.flags & 15);
  if constexpr (std::is_same_v<T, float>) {
    if ((op.flags & kFlush) != 0) {
      std::array<float, kLanes> a, b;
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        a[i] = flush(warp.lanes<float>(op.a)[i]);
        b[i] = flush(warp.lanes<float>(op.b)[i]);
      }
      return compare(a.data(), b.data(), relation);
    }
  }
  return compare(static_cast<const T*>(warp.lanes<T>(op.a)), static_cast<const T*>(warp.lanes<T>(op.b)),
                 relation);
}

/// 16-bit floats: part 0 or 1 of registers of `S`.
template <class S>
std::uint32_t compare_halves(Warp& warp, const Op& op, std::uint32_t part) {
  std::array<float, kLanes> a, b;
  const S *x = warp.lanes<S>(op.a), *y = warp.lanes<S>(op.b);
  const bool bf16 = (op.flags & kBf16) != 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    const auto p = static_cast<std::uint16_t>(x[i] >> (16 * part)),
               q = static_cast<std::uint16_t>(y[i] >> (16 * part));
    a[i] = bf16 ? bf16_to_float(p) : static_cast<float>(f16_to_double(p));
    b[i] = bf16 ? bf16_to_float(q) : static_cast<float>(f16_to_double(q));
    if ((op.flags & kFlush) != 0) {  // .ftz of f16: its own subnormals
      if (std::fabs(a[i]) < 0x1p-14f) a[i] = 0;
      if (std::fabs(b[i]) < 0x1p-14f) b[i] = 0;
    }
  }
  return compare(a.data(), b.data(), static_cast<Relation>(op.flags & 15));
}

enum class Combine : std::uint8_t { none, logical_and, logical_or, logical_xor };

/// immediate: Combine | negated c << 4. d: first destination, list: second (or none).
std::uint32_t combined(Warp& warp, const Op& op, std::uint32_t value, std::uint32_t& known) {
  const auto combine = static_cast<Combine>(op.immediate & 15);
  if (combine == Combine::none) return value;
  const std::uint32_t c = (op.immediate >> 4 & 1) != 0 ? ~warp.predicate(op.c) : warp.predicate(op.c);
  known &= warp.defined(op.c);
  return combine == Combine::logical_and ? value & c : combine == Combine::logical_or ? value | c : value ^ c;
}

void finish_setp(Warp& warp, const Op& op, std::uint32_t value) {
  std::uint32_t known = warp.defined(op.a) & warp.defined(op.b);
  std::uint32_t inverse_known = known;
  const Slot second = warp.list(op)[0];
  const std::uint32_t first_value = combined(warp, op, value, known);
  const std::uint32_t second_value = second != kNoSlot ? combined(warp, op, ~value, inverse_known) : 0;
  warp.set_predicate(op.d, first_value, known);
  if (second != kNoSlot) warp.set_predicate(second, second_value, inverse_known);
}

template <class T>
void set_predicate(Warp& warp, const Op& op) {
  finish_setp(warp, op, compare_sources<T>(warp, op));
}
void set_predicate_half(Warp& warp, const Op& op) {
  finish_setp(warp, op, compare_halves<std::uint16_t>(warp, op, 0));
}

/// setp.f16x2: p from the low halves, q from the high ones.
void set_predicates_pair(Warp& warp, const Op& op) {
  const std::uint32_t low = compare_halves<std::uint32_t>(warp, op, 0),
                      high = compare_halves<std::uint32_t>(warp, op, 1);
  std::uint32_t known = warp.defined(op.a) & warp.defined(op.b), known_high = known;
  const Slot second = warp.list(op)[0];
  const std::uint32_t p = combined(warp, op, low, known), q = combined(warp, op, high, known_high);
  warp.set_predicate(op.d, p, known);
  if (second != kNoSlot) warp.set_predicate(second, q, known_high);
}

/// set: all ones (integer destination) or 1.0 where true. The list's second entry is the value of true.
template <class T, class D>
void set_value(Warp& warp, const Op& op) {
  std::uint32_t known = warp.defined(op.a) & warp.defined(op.b);
  const std::uint32_t value = combined(warp, op, compare_sources<T>(warp, op), known);
  const auto truth = static_cast<D>(warp.list(op)[1]);
  D* d = warp.lanes<D>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = (value >> i & 1) != 0 ? truth : D{0};
  }
  warp.define(op.d, known);
}

template <class D>
void set_value_half(Warp& warp, const Op& op) {
  std::uint32_t known = warp.defined(op.a) & warp.defined(op.b);
  const std::uint32_t value = combined(warp, op, compare_halves<std::uint16_t>(warp, op, 0), known);
  const auto truth = static_cast<D>(warp.list(op)[1]);
  D* d = warp.lanes<D>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = (value >> i & 1) != 0 ? truth : D{0};
  }
  warp.define(op.d, known);
}

/// set.f16x2: each half apart.
void set_value_pair(Warp& warp, const Op& op) {
  std::uint32_t known = warp.defined(op.a) & warp.defined(op.b), known_high = known;
  const std::uint32_t low = combined(warp, op, compare_halves<std::uint32_t>(warp, op, 0), known);
  const std::uint32_t high = combined(warp, op, compare_halves<std::uint32_t>(warp, op, 1), known_high);
  const std::uint32_t truth = warp.list(op)[1];
  std::uint32_t* d = warp.lanes<std::uint32_t>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    d[i] = ((low >> i & 1) != 0 ? truth : 0) | ((high >> i & 1) != 0 ? truth << 16 : 0);
  }
  warp.define(op.d, known);
}

// ---- encoding
// -----------------------------------------------------------------------------------------------------

/// lo, ls, hi, hs are the unsigned names of lt, le, gt, ge.
std::uint8_t relation(const Encoder& e) {
  static constexpr std::pair<std::string_view, Relation> kUnsigned[] = {
      {"lo", Relation::lt}, {"ls", Relation::le}, {"hi", Relation::gt}, {"hs", Relation::ge}};
  for (std::size_t i = 0; i < kRelations.size(); ++i) {
    if (e.has(kRelations[i])) return static_cast<std::uint8_t>(i);
  }
  for (const auto& [name, value] : kUnsigned) {
    if (e.has(name)) return static_cast<std::uint8_t>(value);
  }
  e.unsupported("comparison");
}

bool is_half(Type type) {
  return type == Type::f16 || type == Type::bf16 || type == Type::f16x2 || type == Type::bf16x2;
}

/// Sources, relation, combination; `source` is the operands' type.
void encode_sources(Encoder& e, Op& op, Type source, std::size_t combine_operand) {
  op.flags = relation(e);
  if (e.has("ftz")) op.flags |= kFlush;
  if (source == Type::bf16 || source == Type::bf16x2) op.flags |= kBf16;
  op.a = e.read(1, source);
  op.b = e.read(2, source);
  Combine combine = Combine::none;
  if (e.has("and")) combine = Combine::logical_and;
  if (e.has("or")) combine = Combine::logical_or;
  if (e.has("xor")) combine = Combine::logical_xor;
  op.immediate = static_cast<std::uint64_t>(combine);
  if (combine != Combine::none) {
    if (e.operand(combine_operand).negated) op.immediate |= 16;
    op.c = e.read(combine_operand, Type::pred);
  }
}

Op encode_setp(Encoder& e) {
  const Type type = e.type();
  Op op;
  op.klass = Class::predicate;
  switch (type) {
    case Type::u16:
    case Type::b16:
      op.execute = set_predicate<std::uint16_t>;
      break;
    case Type::s16:
      op.execute = set_predicate<std::int16_t>;
      break;
    case Type::u32:
    case Type::b32:
      op.execute = set_predicate<std::uint32_t>;
      break;
    case Type::s32:
      op.execute = set_predicate<std::int32_t>;
      break;
    case Type::u64:
    case Type::b64:
      op.execute = set_predicate<std::uint64_t>;
      break;
    case Type::s64:
      op.execute = set_predicate<std::int64_t>;
      break;
    case Type::f32:
      op.execute = set_predicate<float>;
      break;
    case Type::f64:
      op.execute = set_predicate<double>;
      break;
    case Type::f16:
    case Type::bf16:
      op.execute = set_predicate_half;
      break;
    case Type::f16x2:
    case Type::bf16x2:
      op.execute = set_predicates_pair;
      break;
    default:
      e.unsupported();
  }
  encode_sources(e, op, type, 3);
  const Operand& destination = e.operand(0);
  if (destination.kind == Operand::Kind::pair) {
    op.d = e.write(destination.elements[0], Type::pred);
    op.list = e.list({e.write(destination.elements[1], Type::pred)});
  } else {
    op.d = e.write(destination, Type::pred);
    op.list = e.list({kNoSlot});
  }
  return op;
}

template <class D>
Handler set_handler(Type source) {
  switch (source) {
    case Type::u16:
    case Type::b16:
      return set_value<std::uint16_t, D>;
    case Type::s16:
      return set_value<std::int16_t, D>;
    case Type::u32:
    case Type::b32:
      return set_value<std::uint32_t, D>;
    case Type::s32:
      return set_value<std::int32_t, D>;
    case Type::u64:
    case Type::b64:
      return set_value<std::uint64_t, D>;
    case Type::s64:
      return set_value<std::int64_t, D>;
    case Type::f32:
      return set_value<float, D>;
    case Type::f64:
      return set_value<double, D>;
    default:
      return nullptr;
  }
}

Op encode_set(Encoder& e) {
  const Type destination = e.type(0), source = e.type(1);
  Op op;
  op.klass = Class::integer;
  const bool pair = source == Type::f16x2 || source == Type::bf16x2;
  if (pair) {
    op.execute = set_value_pair;
  } else if (is_half(source)) {
    op.execute =
        ptx::bytes_of(destination) == 2 ? set_value_half<std::uint16_t> : set_value_half<std::uint32_t>;
  } else {
    op.execute = ptx::bytes_of(destination) == 2 ? set_handler<std::uint16_t>(source)
                                                 : set_handler<std::uint32_t>(source);
  }
  if (op.execute == nullptr) e.unsupported();
  encode_sources(e, op, source, 3);
  std::uint32_t truth = 0xffffffff;
  if (destination == Type::f32) truth = 0x3f800000;
  if (destination == Type::f16 || destination == Type::f16x2) truth = 0x3c00;
  if (destination == Type::bf16 || destination == Type::bf16x2) truth = 0x3f80;
  if (ptx::bytes_of(destination) == 2 && truth == 0xffffffff) truth = 0xffff;
  if (pair && truth == 0xffffffff) truth = 0xffff;
  op.list = e.list({kNoSlot, truth});
  op.d = e.write(0, destination);
  return op;
}

constexpr Opcode kOpcodes[] = {{"setp", encode_setp}, {"set", encode_set}};

}  // namespace

std::span<const Opcode> compare_opcodes() { return kOpcodes; }

}  // namespace softgpu
