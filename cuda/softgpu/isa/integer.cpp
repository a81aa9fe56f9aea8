// Integers: add, sub, mul, mad, div, rem, abs, neg, min, max, sad, carries, dp4a. Bits are in bits.cpp.
//
// Arithmetic wraps, so it is done on unsigned types. add, sub, mul, neg, abs, min, max and fma of
// floating-point types are handed to floating.cpp and half.cpp.
#include <array>
#include <limits>
#include <type_traits>

#include "../machine/block.h"
#include "families.h"

namespace softgpu {

namespace {

using ptx::Type;

bool is_float(Type t) { return t == Type::f32 || t == Type::f64; }
bool is_half(Type t) { return t == Type::f16 || t == Type::f16x2 || t == Type::bf16 || t == Type::bf16x2; }

template <class T>
using Unsigned = std::make_unsigned_t<T>;

// ---- one operation of two operands, by type

template <class T, class F>
void binary(Warp& warp, const Op& op) {
  map2<T, T, T>(warp, op, [](T a, T b) { return F::template apply<T>(a, b); });
}

/// Pick<T>::handler of an integer type, nullptr for other types.
template <template <class> class Pick>
Handler by_type(Type type) {
  switch (type) {
    case Type::u16:
      return Pick<std::uint16_t>::handler;
    case Type::s16:
      return Pick<std::int16_t>::handler;
    case Type::u32:
      return Pick<std::uint32_t>::handler;
    case Type::s32:
      return Pick<std::int32_t>::handler;
    case Type::u64:
      return Pick<std::uint64_t>::handler;
    case Type::s64:
      return Pick<std::int64_t>::handler;
    default:
      return nullptr;
  }
}

template <class F>
struct Binary {
  template <class T>
  struct Of {
    static constexpr Handler handler = binary<T, F>;
  };
};
template <class F>
Handler binary_handler(Type type) {
  return by_type<Binary<F>::template Of>(type);
}

struct Add {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<Unsigned<T>>(a) + static_cast<Unsigned<T>>(b));
  }
};
struct Subtract {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(static_cast<Unsigned<T>>(a) - static_cast<Unsigned<T>>(b));
  }
};
std::int32_t saturated(std::int64_t value) {
  return static_cast<std::int32_t>(value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value);
}
struct AddSaturated {  // s32 only
  template <class T>
  static T apply(T a, T b) {
    return saturated(std::int64_t{a} + b);
  }
};
struct SubtractSaturated {
  template <class T>
  static T apply(T a, T b) {
    return saturated(std::int64_t{a} - b);
  }
};
template <class T>
using Wide = std::conditional_t<
    sizeof(T) == 8, std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>,
    std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>,
                       std::conditional_t<std::is_signed_v<T>, std::int32_t, std::uint32_t>>>;
template <class T>
Wide<T> product(T a, T b) {
  return static_cast<Wide<T>>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
}
struct MultiplyLow {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(product(a, b));
  }
};
struct MultiplyHigh {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(product(a, b) >> (8 * sizeof(T)));
  }
};
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    return b < a ? b : a;
  }
};
struct Maximum {
  template <class T>
  static T apply(T a, T b) {
    return b > a ? b : a;
  }
};
void read_two(Encoder& e, Op& op, Type type) {
  op.a = e.read(1, type);
  op.b = e.read(2, type);
  op.d = e.write(0, type);
}

// ---- carries

/// flags: 1 reads the carry, 2 writes it, 4 subtracts. The flag is a borrow for sub.
template <class T>
void add_with_carry(Warp& warp, const Op& op) {
  using U = Unsigned<T>;
  const U *a = warp.lanes<U>(op.a), *b = warp.lanes<U>(op.b);
  U* d = warp.lanes<U>(op.d);
  const bool reads = (op.flags & 1) != 0, writes = (op.flags & 2) != 0, subtracts = (op.flags & 4) != 0;
  std::uint32_t known = warp.defined(op.a) & warp.defined(op.b), carry = 0;
  if (reads) known &= warp.carry_defined;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    const U in = reads ? static_cast<U>(warp.carry >> i & 1) : 0;
    const auto exact = subtracts ? static_cast<unsigned __int128>(a[i]) - b[i] - in
                                 : static_cast<unsigned __int128>(a[i]) + b[i] + in;
    d[i] = static_cast<U>(exact);
    carry |= static_cast<std::uint32_t>((exact >> (8 * sizeof(U))) != 0) << i;
  }
  warp.define(op.d, known);
  if (writes) {
    warp.carry = (warp.carry & ~warp.mask) | carry;
    warp.carry_defined = (warp.carry_defined & ~warp.mask) | (known & warp.mask);
  }
}

/// mad{c}.{lo,hi}{.cc}: flags 1 reads, 2 writes the carry, 8 high half.
template <class T>
void multiply_add_with_carry(Warp& warp, const Op& op) {
  using U = Unsigned<T>;
  const T *a = warp.lanes<T>(op.a), *b = warp.lanes<T>(op.b);
  const U* c = warp.lanes<U>(op.c);
  const bool reads = (op.flags & 1) != 0, writes = (op.flags & 2) != 0, high = (op.flags & 8) != 0;
  std::uint32_t known = warp.defined(op.a) & warp.defined(op.b) & warp.defined(op.c), carry = 0;
  if (reads) known &= warp.carry_defined;
  U* d = warp.lanes<U>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    const auto full = product(a[i], b[i]);
    const U part = static_cast<U>(high ? full >> (8 * sizeof(T)) : full);
    const auto exact = static_cast<unsigned __int128>(part) + c[i] + (reads ? warp.carry >> i & 1 : 0);
    d[i] = static_cast<U>(exact);
    carry |= static_cast<std::uint32_t>((exact >> (8 * sizeof(U))) != 0) << i;
  }
  warp.define(op.d, known);
  if (writes) {
    warp.carry = (warp.carry & ~warp.mask) | carry;
    warp.carry_defined = (warp.carry_defined & ~warp.mask) | (known & warp.mask);
  }
}

template <template <class> class Family>
Handler carry_handler(Type type) {
  switch (type) {
    case Type::u32:
    case Type::b32:
      return Family<std::uint32_t>::handler;
    case Type::s32:
      return Family<std::int32_t>::handler;
    case Type::u64:
    case Type::b64:
      return Family<std::uint64_t>::handler;
    case Type::s64:
      return Family<std::int64_t>::handler;
    default:
      return nullptr;
  }
}
template <class T>
struct AddCarry {
  static constexpr Handler handler = add_with_carry<T>;
};
template <class T>
struct MultiplyCarry {
  static constexpr Handler handler = multiply_add_with_carry<T>;
};

Op encode_carry(Encoder& e, bool reads, bool subtracts) {
  const Type type = e.type();
  Op op = make_op(Class::integer, carry_handler<AddCarry>(type));
  if (op.execute == nullptr) e.unsupported();
  op.flags = static_cast<std::uint8_t>((reads ? 1 : 0) | (e.has("cc") ? 2 : 0) | (subtracts ? 4 : 0));
  read_two(e, op, type);
  return op;
}

// ---- add, sub, mul, mad

Op encode_add_or_sub(Encoder& e, bool subtracts) {
  const Type type = e.type();
  if (is_float(type)) return encode_floating(e);
  if (is_half(type)) return encode_half(e);
  if (e.has("cc")) return encode_carry(e, false, subtracts);
  Op op = make_op(Class::integer, nullptr);
  if (e.has("sat")) {
    if (type != Type::s32) e.unsupported();
    op.execute = subtracts ? binary<std::int32_t, SubtractSaturated> : binary<std::int32_t, AddSaturated>;
  } else {
    op.execute = subtracts ? binary_handler<Subtract>(type) : binary_handler<Add>(type);
  }
  if (op.execute == nullptr) e.unsupported();
  read_two(e, op, type);
  return op;
}

Op encode_add(Encoder& e) { return encode_add_or_sub(e, false); }
Op encode_sub(Encoder& e) { return encode_add_or_sub(e, true); }
Op encode_addc(Encoder& e) { return encode_carry(e, true, false); }
Op encode_subc(Encoder& e) { return encode_carry(e, true, true); }

template <class T>
void multiply_wide(Warp& warp, const Op& op) {
  map2<Wide<T>, T, T>(warp, op, [](T a, T b) { return product(a, b); });
}

Type wide_type(const Encoder& e, Type type) {
  switch (type) {
    case Type::u16:
      return Type::u32;
    case Type::s16:
      return Type::s32;
    case Type::u32:
      return Type::u64;
    case Type::s32:
      return Type::s64;
    default:
      e.unsupported();
  }
}

Op encode_mul(Encoder& e) {
  const Type type = e.type();
  if (is_float(type)) return encode_floating(e);
  if (is_half(type)) return encode_half(e);
  Op op = make_op(Class::integer, nullptr);
  if (e.has("wide")) {
    op.execute = type == Type::u16   ? multiply_wide<std::uint16_t>
                 : type == Type::s16 ? multiply_wide<std::int16_t>
                 : type == Type::u32 ? multiply_wide<std::uint32_t>
                                     : multiply_wide<std::int32_t>;
    op.a = e.read(1, type);
    op.b = e.read(2, type);
    op.d = e.write(0, wide_type(e, type));
    return op;
  }
  op.execute = e.has("hi") ? binary_handler<MultiplyHigh>(type) : binary_handler<MultiplyLow>(type);
  if (op.execute == nullptr) e.unsupported();
  read_two(e, op, type);
  return op;
}

template <class T, bool kHigh>
void multiply_add(Warp& warp, const Op& op) {
  map3<T, T, T, T>(warp, op, [](T a, T b, T c) {
    const T part = kHigh ? MultiplyHigh::apply(a, b) : MultiplyLow::apply(a, b);
    return Add::apply(part, c);
  });
}

template <class T>
void multiply_add_wide(Warp& warp, const Op& op) {
  map3<Wide<T>, T, T, Wide<T>>(warp, op, [](T a, T b, Wide<T> c) { return Add::apply(product(a, b), c); });
}

/// mad.hi.sat.s32
void multiply_add_high_saturated(Warp& warp, const Op& op) {
  map3<std::int32_t, std::int32_t, std::int32_t, std::int32_t>(
      warp, op, [](std::int32_t a, std::int32_t b, std::int32_t c) {
        return AddSaturated::apply(MultiplyHigh::apply(a, b), c);
      });
}

template <class T>
struct MultiplyAddLow {
  static constexpr Handler handler = multiply_add<T, false>;
};
template <class T>
struct MultiplyAddHigh {
  static constexpr Handler handler = multiply_add<T, true>;
};

Op encode_multiply_add(Encoder& e, bool reads_carry) {
  const Type type = e.type();
  if (is_float(type)) return encode_floating(e);
  Op op = make_op(Class::integer, nullptr);
  Type sum = type;
  if (reads_carry || e.has("cc")) {
    op.execute = carry_handler<MultiplyCarry>(type);
    op.flags =
        static_cast<std::uint8_t>((reads_carry ? 1 : 0) | (e.has("cc") ? 2 : 0) | (e.has("hi") ? 8 : 0));
  } else if (e.has("wide")) {
    sum = wide_type(e, type);
    op.execute = type == Type::u16   ? multiply_add_wide<std::uint16_t>
                 : type == Type::s16 ? multiply_add_wide<std::int16_t>
                 : type == Type::u32 ? multiply_add_wide<std::uint32_t>
                                     : multiply_add_wide<std::int32_t>;
  } else if (e.has("sat")) {
    if (type != Type::s32 || !e.has("hi")) e.unsupported();
    op.execute = multiply_add_high_saturated;
  } else {
    op.execute = e.has("hi") ? by_type<MultiplyAddHigh>(type) : by_type<MultiplyAddLow>(type);
  }
  if (op.execute == nullptr) e.unsupported();
  op.a = e.read(1, type);
  op.b = e.read(2, type);
  op.c = e.read(3, sum);
  op.d = e.write(0, sum);
  return op;
}

Op encode_mad(Encoder& e) { return encode_multiply_add(e, false); }
Op encode_madc(Encoder& e) { return encode_multiply_add(e, true); }

/// mul24, mad24: operands are the low 24 bits; .lo bits 0..31 of the 48-bit product, .hi bits 16..47.
template <class T>
T product24(T a, T b, bool high) {
  std::int64_t x, y;
  if constexpr (std::is_signed_v<T>) {
    x = static_cast<std::int32_t>(static_cast<std::uint32_t>(a) << 8) >> 8;
    y = static_cast<std::int32_t>(static_cast<std::uint32_t>(b) << 8) >> 8;
  } else {
    x = a & 0xffffff;
    y = b & 0xffffff;
  }
  return static_cast<T>(high ? (x * y) >> 16 : x * y);
}

template <class T>
void multiply24(Warp& warp, const Op& op) {
  const bool high = op.flags != 0;
  map2<T, T, T>(warp, op, [high](T a, T b) { return product24(a, b, high); });
}
template <class T>
void multiply_add24(Warp& warp, const Op& op) {
  const bool high = op.flags != 0;
  map3<T, T, T, T>(warp, op, [high](T a, T b, T c) { return Add::apply(product24(a, b, high), c); });
}
/// mad24.hi.sat.s32
void multiply_add24_saturated(Warp& warp, const Op& op) {
  map3<std::int32_t, std::int32_t, std::int32_t, std::int32_t>(
      warp, op, [](std::int32_t a, std::int32_t b, std::int32_t c) {
        return AddSaturated::apply(product24(a, b, true), c);
      });
}

Op encode_mul24(Encoder& e) {
  const Type type = e.type();
  Op op = make_op(Class::integer, type == Type::u32 ? multiply24<std::uint32_t> : multiply24<std::int32_t>);
  op.flags = e.has("hi");
  read_two(e, op, type);
  return op;
}
Op encode_mad24(Encoder& e) {
  const Type type = e.type();
  Op op = make_op(Class::integer,
                  type == Type::u32 ? multiply_add24<std::uint32_t> : multiply_add24<std::int32_t>);
  if (e.has("sat")) {
    if (type != Type::s32 || !e.has("hi")) e.unsupported();
    op.execute = multiply_add24_saturated;
  }
  op.flags = e.has("hi");
  read_two(e, op, type);
  op.c = e.read(3, type);
  return op;
}

// ---- div, rem

/// Division by zero has no defined result in PTX: reported. The quotient is then all ones, the remainder the
/// dividend: a choice of ours.
template <class T, bool kRemainder>
void divide(Warp& warp, const Op& op) {
  const T *a = warp.lanes<T>(op.a), *b = warp.lanes<T>(op.b);
  T* d = warp.lanes<T>(op.d);
  const std::uint32_t known = warp.defined(op.a) & warp.defined(op.b);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    if (b[i] == 0) {
      if ((known >> i & 1) != 0) {
        warp.report(Check::arithmetic, i, "integer division by zero; PTX defines no result", Severity::error);
      }
      d[i] = kRemainder ? a[i] : static_cast<T>(~T{0});
    } else if (std::is_signed_v<T> && b[i] == static_cast<T>(-1)) {
      d[i] = kRemainder ? T{0} : static_cast<T>(Unsigned<T>{0} - static_cast<Unsigned<T>>(a[i]));
    } else {
      d[i] = static_cast<T>(kRemainder ? a[i] % b[i] : a[i] / b[i]);
    }
  }
  warp.define(op.d, known);
}

template <class T>
struct Quotient {
  static constexpr Handler handler = divide<T, false>;
};
template <class T>
struct Remainder {
  static constexpr Handler handler = divide<T, true>;
};

Op encode_div(Encoder& e) {
  const Type type = e.type();
  if (is_float(type)) return encode_floating(e);
  Op op = make_op(Class::integer, by_type<Quotient>(type));
  if (op.execute == nullptr) e.unsupported();
  read_two(e, op, type);
  return op;
}
Op encode_rem(Encoder& e) {
  const Type type = e.type();
  Op op = make_op(Class::integer, by_type<Remainder>(type));
  if (op.execute == nullptr) e.unsupported();
  read_two(e, op, type);
  return op;
}

// ---- abs, neg, min, max, sad

template <class T>
void absolute(Warp& warp, const Op& op) {
  map1<T, T>(warp, op,
             [](T a) { return a < 0 ? static_cast<T>(Unsigned<T>{0} - static_cast<Unsigned<T>>(a)) : a; });
}
template <class T>
void negate(Warp& warp, const Op& op) {
  map1<T, T>(warp, op, [](T a) { return static_cast<T>(Unsigned<T>{0} - static_cast<Unsigned<T>>(a)); });
}

Op encode_abs_or_neg(Encoder& e, bool absolutes) {
  const Type type = e.type();
  if (is_float(type)) return encode_floating(e);
  if (is_half(type)) return encode_half(e);
  Op op = make_op(Class::integer,
                  type == Type::s16   ? (absolutes ? absolute<std::int16_t> : negate<std::int16_t>)
                  : type == Type::s32 ? (absolutes ? absolute<std::int32_t> : negate<std::int32_t>)
                  : type == Type::s64 ? (absolutes ? absolute<std::int64_t> : negate<std::int64_t>)
                                      : nullptr);
  if (op.execute == nullptr) e.unsupported();
  op.a = e.read(1, type);
  op.d = e.write(0, type);
  return op;
}
Op encode_abs(Encoder& e) { return encode_abs_or_neg(e, true); }
Op encode_neg(Encoder& e) { return encode_abs_or_neg(e, false); }

template <class F>
Op encode_extreme(Encoder& e) {
  const Type type = e.type();
  if (is_float(type)) return encode_floating(e);
  if (is_half(type)) return encode_half(e);
  Op op = make_op(Class::integer, binary_handler<F>(type));
  if (op.execute == nullptr || e.has("relu")) e.unsupported();
  read_two(e, op, type);
  return op;
}
Op encode_min(Encoder& e) { return encode_extreme<Minimum>(e); }
Op encode_max(Encoder& e) { return encode_extreme<Maximum>(e); }

template <class T>
void sum_of_difference(Warp& warp, const Op& op) {
  map3<T, T, T, T>(warp, op, [](T a, T b, T c) {
    return Add::apply(c, a < b ? Subtract::apply(b, a) : Subtract::apply(a, b));
  });
}

template <class T>
struct SumOfDifference {
  static constexpr Handler handler = sum_of_difference<T>;
};

Op encode_sad(Encoder& e) {
  const Type type = e.type();
  Op op = make_op(Class::integer, by_type<SumOfDifference>(type));
  if (op.execute == nullptr) e.unsupported();
  read_two(e, op, type);
  op.c = e.read(3, type);
  return op;
}

// ---- dot products of bytes

/// dp4a, dp2a: flags 1 a signed, 2 b signed, 4 dp2a, 8 dp2a's high half of b.
void dot_product(Warp& warp, const Op& op) {
  const std::uint8_t flags = op.flags;
  map3<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(
      warp, op, [flags](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
        const auto byte = [](std::uint32_t word, std::uint32_t i, bool is_signed) {
          const std::uint32_t value = word >> (8 * i) & 0xff;
          return is_signed ? static_cast<std::int32_t>(static_cast<std::int8_t>(value))
                           : static_cast<std::int32_t>(value);
        };
        const auto half = [](std::uint32_t word, std::uint32_t i, bool is_signed) {
          const std::uint32_t value = word >> (16 * i) & 0xffff;
          return is_signed ? static_cast<std::int32_t>(static_cast<std::int16_t>(value))
                           : static_cast<std::int32_t>(value);
        };
        const bool a_signed = (flags & 1) != 0, b_signed = (flags & 2) != 0;
        std::int64_t sum = 0;
        if ((flags & 4) != 0) {
          const std::uint32_t first = (flags & 8) != 0 ? 2 : 0;
          for (std::uint32_t i = 0; i < 2; ++i) {
            sum += std::int64_t{half(a, i, a_signed)} * byte(b, first + i, b_signed);
          }
        } else {
          for (std::uint32_t i = 0; i < 4; ++i)
            sum += std::int64_t{byte(a, i, a_signed)} * byte(b, i, b_signed);
        }
        return c + static_cast<std::uint32_t>(sum);
      });
}

Op encode_dp(Encoder& e) {
  Op op = make_op(Class::integer, dot_product);
  const bool two = e.instruction().opcode == "dp2a";
  op.flags = static_cast<std::uint8_t>((e.type(0) == Type::s32 ? 1 : 0) | (e.type(1) == Type::s32 ? 2 : 0) |
                                       (two ? 4 : 0) | (e.has("hi") ? 8 : 0));
  read_two(e, op, Type::b32);
  op.c = e.read(3, Type::b32);
  return op;
}

/// vabsdiff4.u32.u32.u32{.add}: absolute differences of four bytes, side by side or, with .add, summed onto
/// c.
void absolute_differences(Warp& warp, const Op& op) {
  const bool sums = op.flags != 0;
  map3<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(
      warp, op, [sums](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
        std::uint32_t packed = 0, sum = c;
        for (std::uint32_t i = 0; i < 4; ++i) {
          const std::uint32_t x = a >> (8 * i) & 0xff, y = b >> (8 * i) & 0xff,
                              difference = x < y ? y - x : x - y;
          packed |= difference << (8 * i);
          sum += difference;
        }
        return sums ? sum : packed;
      });
}
Op encode_vabsdiff4(Encoder& e) {
  if (e.type(0) != Type::u32 || e.type(1) != Type::u32 || e.type(2) != Type::u32) e.unsupported();
  Op op = make_op(Class::integer, absolute_differences);
  op.flags = e.has("add");
  read_two(e, op, Type::u32);
  op.c = e.operands() > 3 ? e.read(3, Type::u32) : e.constant_slot(0, 4);
  return op;
}

Op encode_fma(Encoder& e) { return is_half(e.type()) ? encode_half(e) : encode_floating(e); }

constexpr Opcode kOpcodes[] = {
    {"add", encode_add},     {"sub", encode_sub}, {"addc", encode_addc}, {"subc", encode_subc},
    {"mul", encode_mul},     {"mad", encode_mad}, {"madc", encode_madc}, {"mul24", encode_mul24},
    {"mad24", encode_mad24}, {"fma", encode_fma}, {"div", encode_div},   {"rem", encode_rem},
    {"abs", encode_abs},     {"neg", encode_neg}, {"min", encode_min},   {"max", encode_max},
    {"sad", encode_sad},     {"dp4a", encode_dp}, {"dp2a", encode_dp},   {"vabsdiff4", encode_vabsdiff4}};

}  // namespace

std::span<const Opcode> integer_opcodes() { return kOpcodes; }

}  // namespace softgpu
