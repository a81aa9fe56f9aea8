// Bits: and, or, xor, not, cnot, lop3, shifts, funnel shifts, bit fields, counts and masks.
#include <array>
#include <bit>
#include <type_traits>

#include "../machine/block.h"
#include "families.h"

namespace softgpu {

namespace {

using ptx::Type;

template <class T>
using Unsigned = std::make_unsigned_t<T>;

template <class T, class F>
void binary(Warp& warp, const Op& op) {
  map2<T, T, T>(warp, op, [](T a, T b) { return F::template apply<T>(a, b); });
}

template <class F>
Handler bits_handler(Type type) {
  switch (ptx::bytes_of(type)) {
    case 2:
      return binary<std::uint16_t, F>;
    case 4:
      return binary<std::uint32_t, F>;
    case 8:
      return binary<std::uint64_t, F>;
    default:
      return nullptr;
  }
}

struct And {
  template <class T>
  static T apply(T a, T b) {
    return a & b;
  }
};
struct Or {
  template <class T>
  static T apply(T a, T b) {
    return a | b;
  }
};
struct Xor {
  template <class T>
  static T apply(T a, T b) {
    return a ^ b;
  }
};

void read_two(Encoder& e, Op& op, Type type) {
  op.a = e.read(1, type);
  op.b = e.read(2, type);
  op.d = e.write(0, type);
}

// ---- logic

enum Logic : std::uint8_t { kAnd, kOr, kXor, kNot };

void predicate_logic(Warp& warp, const Op& op) {
  const std::uint32_t a = warp.predicate(op.a);
  const std::uint32_t b = op.b != kNoSlot ? warp.predicate(op.b) : 0;
  const std::uint32_t known = warp.defined(op.a) & (op.b != kNoSlot ? warp.defined(op.b) : ~0u);
  const std::uint32_t value = op.flags == kAnd   ? a & b
                              : op.flags == kOr  ? a | b
                              : op.flags == kXor ? a ^ b
                                                 : ~a;
  // A false operand decides an and, a true one an or, whatever the other holds.
  std::uint32_t decided = 0;
  if (op.flags == kAnd) decided = (~a & warp.defined(op.a)) | (~b & warp.defined(op.b));
  if (op.flags == kOr) decided = (a & warp.defined(op.a)) | (b & warp.defined(op.b));
  warp.set_predicate(op.d, value, known | decided);
}

template <class F>
Op encode_logic(Encoder& e, Logic logic) {
  const Type type = e.type();
  Op op = make_op(type == Type::pred ? Class::predicate : Class::integer,
                  type == Type::pred ? predicate_logic : bits_handler<F>(type));
  if (op.execute == nullptr) e.unsupported();
  op.flags = logic;
  read_two(e, op, type);
  return op;
}
Op encode_and(Encoder& e) { return encode_logic<And>(e, kAnd); }
Op encode_or(Encoder& e) { return encode_logic<Or>(e, kOr); }
Op encode_xor(Encoder& e) { return encode_logic<Xor>(e, kXor); }

template <class T>
void invert(Warp& warp, const Op& op) {
  map1<T, T>(warp, op, [](T a) { return static_cast<T>(~a); });
}
template <class T>
void logical_not(Warp& warp, const Op& op) {
  map1<T, T>(warp, op, [](T a) { return static_cast<T>(a == 0 ? 1 : 0); });
}

Op encode_not(Encoder& e) {
  const Type type = e.type();
  const std::uint32_t bytes = ptx::bytes_of(type);
  Op op = make_op(Class::integer, nullptr);
  if (type == Type::pred) {
    op = make_op(Class::predicate, predicate_logic);
    op.flags = kNot;
  } else {
    op.execute = bytes == 8   ? invert<std::uint64_t>
                 : bytes == 4 ? invert<std::uint32_t>
                              : invert<std::uint16_t>;
  }
  op.a = e.read(1, type);
  op.d = e.write(0, type);
  return op;
}
Op encode_cnot(Encoder& e) {
  const Type type = e.type();
  const std::uint32_t bytes = ptx::bytes_of(type);
  Op op = make_op(Class::integer, bytes == 8   ? logical_not<std::uint64_t>
                                  : bytes == 4 ? logical_not<std::uint32_t>
                                               : logical_not<std::uint16_t>);
  op.a = e.read(1, type);
  op.d = e.write(0, type);
  return op;
}

/// lop3.b32: the result's bit is the bit of the table at the index that the three operands' bits make.
std::uint32_t looked_up(std::uint32_t table, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  std::uint32_t d = 0;
  for (std::uint32_t row = 0; row < 8; ++row) {
    const std::uint32_t hit =
        ((row & 4) != 0 ? a : ~a) & ((row & 2) != 0 ? b : ~b) & ((row & 1) != 0 ? c : ~c);
    d |= (table >> row & 1) != 0 ? hit : 0;
  }
  return d;
}

void lookup3(Warp& warp, const Op& op) {
  const auto table = static_cast<std::uint32_t>(op.immediate);
  map3<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(
      warp, op,
      [table](std::uint32_t a, std::uint32_t b, std::uint32_t c) { return looked_up(table, a, b, c); });
}

/// lop3.BoolOp.b32 d|p, a, b, c, table, q: p = (d != 0) BoolOp q. list: p, q, q negated; flags: Logic.
void lookup3_to_predicate(Warp& warp, const Op& op) {
  const std::uint32_t* list = warp.list(op);
  const auto table = static_cast<std::uint32_t>(op.immediate);
  const std::uint32_t *a = warp.lanes<std::uint32_t>(op.a), *b = warp.lanes<std::uint32_t>(op.b),
                      *c = warp.lanes<std::uint32_t>(op.c);
  const std::uint32_t known = warp.defined(op.a) & warp.defined(op.b) & warp.defined(op.c);
  const std::uint32_t other = list[2] != 0 ? ~warp.predicate(list[1]) : warp.predicate(list[1]),
                      known_other = warp.defined(list[1]);
  std::array<std::uint32_t, kLanes> result;
  std::uint32_t some = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    result[i] = looked_up(table, a[i], b[i], c[i]);
    some |= static_cast<std::uint32_t>(result[i] != 0) << i;
  }
  std::uint32_t* d = warp.lanes<std::uint32_t>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = result[i];
  }
  warp.define(op.d, known);
  warp.set_predicate(list[0], op.flags == kAnd ? some & other : some | other, known & known_other);
}

Op encode_lop3(Encoder& e) {
  const bool combines = e.has("and") || e.has("or");
  Op op = make_op(Class::integer, combines ? lookup3_to_predicate : lookup3);
  op.a = e.read(1, Type::b32);
  op.b = e.read(2, Type::b32);
  op.c = e.read(3, Type::b32);
  op.immediate = e.constant(e.operand(4));
  if (!combines) {
    op.d = e.write(0, Type::b32);
    return op;
  }
  const ptx::Operand& destination = e.operand(0);
  if (destination.kind != ptx::Operand::Kind::pair) e.unsupported("without a predicate destination");
  op.flags = e.has("and") ? kAnd : kOr;
  const Slot other = e.read(5, Type::pred);
  op.d = e.write(destination.elements[0], Type::b32);
  op.list = e.list({e.write(destination.elements[1], Type::pred), other, e.operand(5).negated ? 1u : 0u});
  return op;
}

// ---- shifts and fields

template <class T>
void shift_left(Warp& warp, const Op& op) {
  map2<T, T, std::uint32_t>(warp, op, [](T a, std::uint32_t n) {
    constexpr std::uint32_t kWidth = 8 * sizeof(T);
    return static_cast<T>(n >= kWidth ? 0 : static_cast<std::uint64_t>(a) << n);
  });
}
template <class T>
void shift_right(Warp& warp, const Op& op) {
  map2<T, T, std::uint32_t>(warp, op, [](T a, std::uint32_t n) {
    constexpr std::uint32_t kWidth = 8 * sizeof(T);
    if constexpr (std::is_signed_v<T>) return static_cast<T>(a >> (n >= kWidth ? kWidth - 1 : n));
    return static_cast<T>(n >= kWidth ? 0 : a >> n);
  });
}

void read_shift(Encoder& e, Op& op, Type type) {
  op.a = e.read(1, type);
  op.b = e.read(2, Type::u32);
  op.d = e.write(0, type);
}

Op encode_shl(Encoder& e) {
  const Type type = e.type();
  const std::uint32_t bytes = ptx::bytes_of(type);
  Op op = make_op(Class::integer, bytes == 8   ? shift_left<std::uint64_t>
                                  : bytes == 4 ? shift_left<std::uint32_t>
                                               : shift_left<std::uint16_t>);
  read_shift(e, op, type);
  return op;
}
Op encode_shr(Encoder& e) {
  const Type type = e.type();
  Op op = make_op(Class::integer, nullptr);
  switch (type) {
    case Type::s16:
      op.execute = shift_right<std::int16_t>;
      break;
    case Type::s32:
      op.execute = shift_right<std::int32_t>;
      break;
    case Type::s64:
      op.execute = shift_right<std::int64_t>;
      break;
    case Type::u16:
    case Type::b16:
      op.execute = shift_right<std::uint16_t>;
      break;
    case Type::u32:
    case Type::b32:
      op.execute = shift_right<std::uint32_t>;
      break;
    case Type::u64:
    case Type::b64:
      op.execute = shift_right<std::uint64_t>;
      break;
    default:
      e.unsupported();
  }
  read_shift(e, op, type);
  return op;
}

/// shf: flags 1 right, 2 clamp. Left: the high word of {b:a} << n; right: the low word of {b:a} >> n.
void funnel_shift(Warp& warp, const Op& op) {
  const bool right = (op.flags & 1) != 0, clamp = (op.flags & 2) != 0;
  map3<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(
      warp, op, [right, clamp](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
        const std::uint32_t n = clamp ? (c > 32 ? 32 : c) : c & 31;
        const std::uint64_t pair = std::uint64_t{b} << 32 | a;
        if (right) return static_cast<std::uint32_t>(pair >> n);
        return n == 32 ? a : static_cast<std::uint32_t>((pair << n) >> 32);
      });
}

Op encode_shf(Encoder& e) {
  Op op = make_op(Class::integer, funnel_shift);
  op.flags = static_cast<std::uint8_t>((e.has("r") ? 1 : 0) | (e.has("clamp") ? 2 : 0));
  read_two(e, op, Type::b32);
  op.c = e.read(3, Type::u32);
  return op;
}

template <class T>
void extract_field(Warp& warp, const Op& op) {
  map3<T, T, std::uint32_t, std::uint32_t>(warp, op, [](T a, std::uint32_t position, std::uint32_t length) {
    constexpr std::uint32_t kWidth = 8 * sizeof(T);
    using U = Unsigned<T>;
    position &= 255;
    length &= 255;
    if (length == 0) return T{0};
    U fill = 0;
    if constexpr (std::is_signed_v<T>) {
      const std::uint32_t top = position + length - 1 < kWidth - 1 ? position + length - 1 : kWidth - 1;
      if ((static_cast<U>(a) >> top & 1) != 0) fill = static_cast<U>(~U{0});
    }
    const U shifted = position >= kWidth ? fill : static_cast<U>(static_cast<U>(a) >> position);
    const std::uint32_t kept =
        position >= kWidth ? 0 : (length < kWidth - position ? length : kWidth - position);
    if (kept >= kWidth) return static_cast<T>(shifted);
    const U mask = static_cast<U>((U{1} << kept) - 1);
    return static_cast<T>((shifted & mask) | (fill & static_cast<U>(~mask)));
  });
}

Op encode_bfe(Encoder& e) {
  const Type type = e.type();
  Op op = make_op(Class::integer, nullptr);
  switch (type) {
    case Type::u32:
      op.execute = extract_field<std::uint32_t>;
      break;
    case Type::s32:
      op.execute = extract_field<std::int32_t>;
      break;
    case Type::u64:
      op.execute = extract_field<std::uint64_t>;
      break;
    case Type::s64:
      op.execute = extract_field<std::int64_t>;
      break;
    default:
      e.unsupported();
  }
  op.a = e.read(1, type);
  op.b = e.read(2, Type::u32);
  op.c = e.read(3, Type::u32);
  op.d = e.write(0, type);
  return op;
}

/// bfi f, a, b, c, d: b with the low d bits of a at position c. The fourth source is in the list.
template <class T>
void insert_field(Warp& warp, const Op& op) {
  const Slot length_slot = warp.list(op)[0];
  map_lanes<T>(
      warp, op.d,
      [](T a, T b, std::uint32_t position, std::uint32_t length) {
        constexpr std::uint32_t kWidth = 8 * sizeof(T);
        position &= 255;
        length &= 255;
        if (length == 0 || position >= kWidth) return b;
        const T ones = length >= kWidth ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << length) - 1);
        const T mask = static_cast<T>(ones << position);
        return static_cast<T>((b & ~mask) | ((a << position) & mask));
      },
      static_cast<const T*>(warp.lanes<T>(op.a)), static_cast<const T*>(warp.lanes<T>(op.b)),
      static_cast<const std::uint32_t*>(warp.lanes<std::uint32_t>(op.c)),
      static_cast<const std::uint32_t*>(warp.lanes<std::uint32_t>(length_slot)));
  warp.define(op.d, warp.defined(op.a) & warp.defined(op.b) & warp.defined(op.c) & warp.defined(length_slot));
}

Op encode_bfi(Encoder& e) {
  const Type type = e.type();
  Op op = make_op(Class::integer,
                  ptx::bytes_of(type) == 8 ? insert_field<std::uint64_t> : insert_field<std::uint32_t>);
  read_two(e, op, type);
  op.c = e.read(3, Type::u32);
  op.list = e.list({e.read(4, Type::u32)});
  return op;
}

/// bfind: position of the highest bit set (signed: unlike the sign), 0xffffffff if none. flags 1: as a left
/// shift.
template <class T>
void find_field(Warp& warp, const Op& op) {
  const bool shift = op.flags != 0;
  map1<std::uint32_t, T>(warp, op, [shift](T a) {
    using U = Unsigned<T>;
    constexpr std::uint32_t kWidth = 8 * sizeof(T);
    const U value = std::is_signed_v<T> && a < 0 ? static_cast<U>(~static_cast<U>(a)) : static_cast<U>(a);
    if (value == 0) return 0xffffffffu;
    const auto top =
        static_cast<std::uint32_t>(kWidth - 1 - static_cast<std::uint32_t>(std::countl_zero(value)));
    return shift ? kWidth - 1 - top : top;
  });
}

Op encode_bfind(Encoder& e) {
  const Type type = e.type();
  Op op = make_op(Class::integer, nullptr);
  switch (type) {
    case Type::u32:
      op.execute = find_field<std::uint32_t>;
      break;
    case Type::s32:
      op.execute = find_field<std::int32_t>;
      break;
    case Type::u64:
      op.execute = find_field<std::uint64_t>;
      break;
    case Type::s64:
      op.execute = find_field<std::int64_t>;
      break;
    default:
      e.unsupported();
  }
  op.flags = e.has("shiftamt");
  op.a = e.read(1, type);
  op.d = e.write(0, Type::u32);
  return op;
}

template <class T>
void reverse_bits(Warp& warp, const Op& op) {
  map1<T, T>(warp, op, [](T a) {
    T d = 0;
    for (std::uint32_t i = 0; i < 8 * sizeof(T); ++i)
      d |= static_cast<T>((a >> i & 1) << (8 * sizeof(T) - 1 - i));
    return d;
  });
}
template <class T>
void count_ones(Warp& warp, const Op& op) {
  map1<std::uint32_t, T>(warp, op, [](T a) { return static_cast<std::uint32_t>(std::popcount(a)); });
}
template <class T>
void count_leading_zeros(Warp& warp, const Op& op) {
  map1<std::uint32_t, T>(warp, op, [](T a) { return static_cast<std::uint32_t>(std::countl_zero(a)); });
}

Op encode_count(Encoder& e, Handler narrow, Handler wide, bool same_type) {
  const Type type = e.type();
  Op op = make_op(Class::integer, ptx::bytes_of(type) == 8 ? wide : narrow);
  op.a = e.read(1, type);
  op.d = e.write(0, same_type ? type : Type::u32);
  return op;
}
Op encode_brev(Encoder& e) {
  return encode_count(e, reverse_bits<std::uint32_t>, reverse_bits<std::uint64_t>, true);
}
Op encode_popc(Encoder& e) {
  return encode_count(e, count_ones<std::uint32_t>, count_ones<std::uint64_t>, false);
}
Op encode_clz(Encoder& e) {
  return encode_count(e, count_leading_zeros<std::uint32_t>, count_leading_zeros<std::uint64_t>, false);
}

/// bmsk: `length` ones from position `a`. flags 1: clamp, else wrap both to 5 bits.
void bit_mask(Warp& warp, const Op& op) {
  const bool clamp = op.flags != 0;
  map2<std::uint32_t, std::uint32_t, std::uint32_t>(warp, op, [clamp](std::uint32_t a, std::uint32_t length) {
    const std::uint64_t position = clamp ? (a > 32 ? 32 : a) : a & 31;
    const std::uint64_t count = clamp ? (length > 32 ? 32 : length) : length & 31;
    return static_cast<std::uint32_t>(((std::uint64_t{1} << count) - 1) << position);
  });
}
Op encode_bmsk(Encoder& e) {
  Op op = make_op(Class::integer, bit_mask);
  op.flags = e.has("clamp");
  read_two(e, op, Type::b32);
  return op;
}

/// szext: the low `length` bits of a, extended by zeros or, signed, by the topmost of them. flags 1: clamp,
/// else wrap.
template <class T>
void extend_bits(Warp& warp, const Op& op) {
  const bool clamp = op.flags != 0;
  map2<std::uint32_t, std::uint32_t, std::uint32_t>(warp, op, [clamp](std::uint32_t a, std::uint32_t length) {
    if (clamp && length >= 32) return a;
    const std::uint32_t n = length & 31;
    if (n == 0) return 0u;
    return static_cast<std::uint32_t>(static_cast<T>(a << (32 - n)) >> (32 - n));
  });
}
Op encode_szext(Encoder& e) {
  Op op =
      make_op(Class::integer, e.type() == Type::s32 ? extend_bits<std::int32_t> : extend_bits<std::uint32_t>);
  op.flags = e.has("clamp");
  read_two(e, op, Type::b32);
  return op;
}

/// fns: position of the n-th set bit from `base` on; upwards for n > 0, downwards for n < 0. 0xffffffff if
/// none.
void find_nth_set(Warp& warp, const Op& op) {
  map_lanes<std::uint32_t>(
      warp, op.d,
      [](std::uint32_t mask, std::uint32_t base, std::int32_t offset) {
        if (offset == 0) return (mask >> (base & 31) & 1) != 0 ? base : 0xffffffffu;
        const std::int32_t step = offset > 0 ? 1 : -1;
        std::int64_t left = offset > 0 ? std::int64_t{offset} : -std::int64_t{offset};
        for (std::int64_t i = base; i >= 0 && i < 32; i += step) {
          if ((mask >> i & 1) != 0 && --left == 0) return static_cast<std::uint32_t>(i);
        }
        return 0xffffffffu;
      },
      static_cast<const std::uint32_t*>(warp.lanes<std::uint32_t>(op.a)),
      static_cast<const std::uint32_t*>(warp.lanes<std::uint32_t>(op.b)),
      static_cast<const std::int32_t*>(warp.lanes<std::int32_t>(op.c)));
  warp.define(op.d, warp.defined(op.a) & warp.defined(op.b) & warp.defined(op.c));
}
Op encode_fns(Encoder& e) {
  Op op = make_op(Class::integer, find_nth_set);
  read_two(e, op, Type::b32);
  op.c = e.read(3, Type::s32);
  return op;
}

constexpr Opcode kOpcodes[] = {{"and", encode_and},   {"or", encode_or},       {"xor", encode_xor},
                               {"not", encode_not},   {"cnot", encode_cnot},   {"lop3", encode_lop3},
                               {"shl", encode_shl},   {"shr", encode_shr},     {"shf", encode_shf},
                               {"bfe", encode_bfe},   {"bfi", encode_bfi},     {"bfind", encode_bfind},
                               {"brev", encode_brev}, {"popc", encode_popc},   {"clz", encode_clz},
                               {"bmsk", encode_bmsk}, {"szext", encode_szext}, {"fns", encode_fns}};

}  // namespace

std::span<const Opcode> bit_opcodes() { return kOpcodes; }

}  // namespace softgpu
