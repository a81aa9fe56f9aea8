// cvt: between all number types, with every rounding, .sat, .ftz, .relu, and into pairs of 16-bit floats.
//
// Floats to integers saturate; NaN becomes 0, except from f64 or to a 64-bit integer: 1 << (width - 1). That
// rule, and .satfinite (infinity to the largest finite number, NaN as it is), are from memory: no copy of the
// manual was at hand. Directed roundings are made from the one to nearest and its neighbour, not by the
// processor's mode, which the compiler does not order against conversions (GCC bug 34678).
#include <algorithm>
#include <cmath>
#include <limits>

#include "../machine/block.h"
#include "families.h"
#include "float32.h"
#include "origin_traces.h"
#include "rounding.h"

namespace softgpu {

namespace {

using ptx::Type;

enum Flag : std::uint8_t { kFlush = 1, kSaturate = 2, kRelu = 4, kIntegral = 8, kFinite = 16 };

double round_to_integral(double value, Rounding rounding) {
  switch (rounding) {
    case Rounding::nearest_even: {
      const double whole = std::floor(value), rest = value - whole;
      if (rest < 0.5 || (rest == 0.5 && std::fmod(whole, 2.0) == 0)) return std::copysign(whole, value);
      return std::copysign(whole + 1, value);
    }
    case Rounding::toward_zero:
      return std::trunc(value);
    case Rounding::down:
      return std::floor(value);
    case Rounding::up:
      return std::ceil(value);
    case Rounding::nearest_away:
      return std::round(value);
  }
  return value;
}

// ---- integer to integer
// -------------------------------------------------------------------------------------------

/// S: the source type, R: how its register's lanes are held (wider registers give their low bits); D, W
/// likewise: a result narrower than its register is extended by its own sign.
template <class S, class R, class D, class W>
void convert_integer(Warp& warp, const Op& op) {
  const bool saturates = (op.flags & kSaturate) != 0;
  map1<W, R>(warp, op, [saturates](R a) {
    const S source = static_cast<S>(a);
    D value = static_cast<D>(source);
    if (saturates) {
      const __int128 exact = source;
      const __int128 low = std::numeric_limits<D>::min(), high = std::numeric_limits<D>::max();
      value = static_cast<D>(exact < low ? low : exact > high ? high : exact);
    }
    return static_cast<W>(value);
  });
}

template <class S, class R, class D>
Handler with_destination_register(std::uint32_t bytes) {
  switch (bytes) {
    case 2:
      return sizeof(D) <= 2 ? convert_integer<S, R, D, std::uint16_t> : nullptr;
    case 4:
      return sizeof(D) <= 4 ? convert_integer<S, R, D, std::uint32_t> : nullptr;
    case 8:
      return convert_integer<S, R, D, std::uint64_t>;
    default:
      return nullptr;
  }
}
template <class S, class R>
Handler with_destination(Type type, std::uint32_t bytes) {
  switch (type) {
    case Type::u8:
      return with_destination_register<S, R, std::uint8_t>(bytes);
    case Type::s8:
      return with_destination_register<S, R, std::int8_t>(bytes);
    case Type::u16:
      return with_destination_register<S, R, std::uint16_t>(bytes);
    case Type::s16:
      return with_destination_register<S, R, std::int16_t>(bytes);
    case Type::u32:
      return with_destination_register<S, R, std::uint32_t>(bytes);
    case Type::s32:
      return with_destination_register<S, R, std::int32_t>(bytes);
    case Type::u64:
      return with_destination_register<S, R, std::uint64_t>(bytes);
    case Type::s64:
      return with_destination_register<S, R, std::int64_t>(bytes);
    default:
      return nullptr;
  }
}
template <class S>
Handler with_source_register(std::uint32_t source_bytes, Type destination, std::uint32_t bytes) {
  switch (source_bytes) {
    case 2:
      return with_destination<S, std::uint16_t>(destination, bytes);
    case 4:
      return with_destination<S, std::uint32_t>(destination, bytes);
    case 8:
      return with_destination<S, std::uint64_t>(destination, bytes);
    default:
      return nullptr;
  }
}
Handler integer_handler(Type source, std::uint32_t source_bytes, Type destination, std::uint32_t bytes) {
  switch (source) {
    case Type::u8:
      return with_source_register<std::uint8_t>(source_bytes, destination, bytes);
    case Type::s8:
      return with_source_register<std::int8_t>(source_bytes, destination, bytes);
    case Type::u16:
      return with_source_register<std::uint16_t>(source_bytes, destination, bytes);
    case Type::s16:
      return with_source_register<std::int16_t>(source_bytes, destination, bytes);
    case Type::u32:
      return with_source_register<std::uint32_t>(source_bytes, destination, bytes);
    case Type::s32:
      return with_source_register<std::int32_t>(source_bytes, destination, bytes);
    case Type::u64:
      return with_source_register<std::uint64_t>(source_bytes, destination, bytes);
    case Type::s64:
      return with_source_register<std::int64_t>(source_bytes, destination, bytes);
    default:
      return nullptr;
  }
}

// ---- everything with a float
// --------------------------------------------------------------------------------------

/// Reads a lane of a source type as a double (exact but for 64-bit integers, which have their own way below).
double source_value(Warp& warp, const Op& op, Type type, std::uint32_t bytes, std::uint32_t lane) {
  std::uint64_t raw = 0;
  switch (bytes) {
    case 2:
      raw = warp.lanes<std::uint16_t>(op.a)[lane];
      break;
    case 4:
      raw = warp.lanes<std::uint32_t>(op.a)[lane];
      break;
    default:
      raw = warp.lanes<std::uint64_t>(op.a)[lane];
      break;
  }
  switch (type) {
    case Type::u8:
      return static_cast<std::uint8_t>(raw);
    case Type::s8:
      return static_cast<std::int8_t>(raw);
    case Type::u16:
      return static_cast<std::uint16_t>(raw);
    case Type::s16:
      return static_cast<std::int16_t>(raw);
    case Type::u32:
      return static_cast<std::uint32_t>(raw);
    case Type::s32:
      return static_cast<std::int32_t>(raw);
    case Type::f16:
      return f16_to_double(static_cast<std::uint16_t>(raw));
    case Type::bf16:
      return static_cast<double>(bf16_to_float(static_cast<std::uint16_t>(raw)));
    case Type::f32: {
      const float value = std::bit_cast<float>(static_cast<std::uint32_t>(raw));
      return static_cast<double>((op.flags & kFlush) != 0 ? flush(value) : value);
    }
    case Type::f64:
      return std::bit_cast<double>(raw);
    default:
      return 0;
  }
}

/// A rounded double to an integer type: saturating, NaN as the head of this file says. A result narrower than
/// its register is extended by its own sign.
std::uint64_t to_integer(double value, Type destination, Type source) {
  const std::uint32_t bits = 8 * ptx::bytes_of(destination);
  const bool is_signed = destination == Type::s8 || destination == Type::s16 || destination == Type::s32 ||
                         destination == Type::s64;
  const std::uint64_t top = std::uint64_t{1} << (bits - 1);
  const std::uint64_t least = is_signed ? ~(top - 1) : 0, most = is_signed ? top - 1 : top | (top - 1);
  if (std::isnan(value)) {
    if (source != Type::f64 && bits < 64) return 0;
    return is_signed ? least : top;
  }
  const double high = std::ldexp(1.0, static_cast<int>(is_signed ? bits - 1 : bits));
  const double low = is_signed ? -high : 0.0;
  if (value >= high) return most;
  if (value < low) return least;
  if (is_signed) return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  return static_cast<std::uint64_t>(value);
}

/// Which neighbour of the number to nearest a rounding wants: -1 the one below, 1 the one above, 0 none.
/// `high` and `low`: the nearest is above, below the exact value.
int correction(Rounding rounding, bool negative, bool high, bool low) {
  if (rounding == Rounding::toward_zero) rounding = negative ? Rounding::up : Rounding::down;
  return rounding == Rounding::down && high ? -1 : rounding == Rounding::up && low ? 1 : 0;
}

/// A double to f32 with a rounding; the value is exact, so this is the only one.
float to_f32(double value, Rounding rounding) {
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  const int step = correction(rounding, std::signbit(value), back > value, back < value);
  return step == 0 ? nearest : std::nextafter(nearest, step < 0 ? -HUGE_VALF : HUGE_VALF);
}

/// A 64-bit integer to f64 with a rounding.
double to_f64(__int128 value, Rounding rounding) {
  const auto nearest = static_cast<double>(value);
  const auto back = static_cast<__int128>(nearest);
  const int step = correction(rounding, value<0, back> value, back < value);
  return step == 0 ? nearest : std::nextafter(nearest, step < 0 ? -HUGE_VAL : HUGE_VAL);
}

/// A 64-bit integer to double, rounded to odd: a later rounding to a narrower format is then the only one
/// (float16.h).
double to_odd(__int128 value) {
  const double below = to_f64(value, Rounding::toward_zero);
  if (static_cast<__int128>(below) == value) return below;
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(below) | 1);
}

/// .satfinite (from memory): infinity to the largest finite number of its sign.
std::uint16_t finite(std::uint16_t bits, std::uint16_t infinity) {
  return (bits & 0x7fff) == infinity ? static_cast<std::uint16_t>(bits - 1) : bits;
}
constexpr std::uint16_t kF16Infinity = 0x7c00, kBf16Infinity = 0x7f80;

/// tf32: nearest with ties away on 10 fraction bits (rna), or nearest even (rn); the low 13 bits are zero.
std::uint32_t to_tf32(float value, Rounding rounding, std::uint8_t flags) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    if ((bits & 0x007fffffu) != 0) return 0x7fffffffu;
  } else if (rounding == Rounding::nearest_away) {
    bits = (bits + 0x1000u) & 0xffffe000u;
  } else if (rounding == Rounding::nearest_even) {
    bits = (bits + 0x0fffu + (bits >> 13 & 1)) & 0xffffe000u;
  } else {
    bits &= 0xffffe000u;
  }
  if ((flags & kFinite) != 0 && (bits & 0x7fffffffu) == 0x7f800000u) bits -= 0x2000u;
  if ((flags & kRelu) != 0 && (bits >> 31) != 0) bits = 0;
  return bits;
}

/// The list: destination type, source type, bytes of the registers of both. immediate: Rounding.
void convert_float(Warp& warp, const Op& op) {
  const std::uint32_t* list = warp.list(op);
  const auto destination = static_cast<Type>(list[0]), source = static_cast<Type>(list[1]);
  const std::uint32_t destination_bytes = list[2], source_bytes = list[3];
  const auto rounding = static_cast<Rounding>(op.immediate);
  const bool saturates = (op.flags & kSaturate) != 0, integral = (op.flags & kIntegral) != 0;
  std::array<std::uint64_t, kLanes> result{};
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    std::uint64_t bits = 0;
    double value;
    if (source == Type::u64 || source == Type::s64) {  // rounded once, straight from the integer
      const std::uint64_t raw = warp.lanes<std::uint64_t>(op.a)[i];
      const __int128 whole =
          source == Type::s64 ? static_cast<__int128>(static_cast<std::int64_t>(raw)) : raw;
      value = destination == Type::f64 ? to_f64(whole, rounding) : to_odd(whole);
    } else {
      value = source_value(warp, op, source, source_bytes, i);
    }
    if (integral) value = std::isfinite(value) ? round_to_integral(value, rounding) : value;
    switch (destination) {
      case Type::f16:
      case Type::bf16:
        if (saturates) value = value > 0 ? (value < 1 ? value : 1.0) : 0.0;
        if ((op.flags & kRelu) != 0 && !std::isnan(value)) value = value > 0 ? value : 0.0;
        bits = destination == Type::f16 ? f16_from(value, rounding) : bf16_from(value, rounding);
        if ((op.flags & kFinite) != 0) {
          bits = finite(static_cast<std::uint16_t>(bits),
                        destination == Type::f16 ? kF16Infinity : kBf16Infinity);
        }
        break;
      case Type::f32: {
        float narrow = to_f32(value, rounding);
        if ((op.flags & kFlush) != 0) narrow = flush(narrow);
        if (saturates) narrow = narrow > 0 ? (narrow < 1 ? narrow : 1.0f) : 0.0f;
        bits = std::bit_cast<std::uint32_t>(canonical(narrow));
        break;
      }
      case Type::tf32:
        bits = to_tf32(static_cast<float>(value), rounding, op.flags);
        break;
      case Type::f64:
        if (saturates) value = value > 0 ? (value < 1 ? value : 1.0) : 0.0;
        bits = std::isnan(value) ? 0x7ff8000000000000ull : std::bit_cast<std::uint64_t>(value);
        break;
      default:
        bits = to_integer(integral ? value : round_to_integral(value, rounding), destination, source);
    }
    result[i] = bits;
  }
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    switch (destination_bytes) {
      case 2:
        warp.lanes<std::uint16_t>(op.d)[i] = static_cast<std::uint16_t>(result[i]);
        break;
      case 4:
        warp.lanes<std::uint32_t>(op.d)[i] = static_cast<std::uint32_t>(result[i]);
        break;
      default:
        warp.lanes<std::uint64_t>(op.d)[i] = result[i];
        break;
    }
  }
  warp.define(op.d, warp.defined(op.a));
}

/// cvt.rn.f16x2.f32 d, a, b: a in the high half, b in the low one. flags; immediate: Rounding | bf16 << 8.
void convert_pair(Warp& warp, const Op& op) {
  const auto rounding = static_cast<Rounding>(op.immediate & 255);
  const bool brain = (op.immediate >> 8) != 0, relu = (op.flags & kRelu) != 0,
             is_finite = (op.flags & kFinite) != 0;
  const auto narrow = [&](float value) {
    double exact = static_cast<double>(value);
    if (relu && !std::isnan(exact)) exact = exact > 0 ? exact : 0.0;
    const std::uint16_t bits = brain ? bf16_from(exact, rounding) : f16_from(exact, rounding);
    return is_finite ? finite(bits, brain ? kBf16Infinity : kF16Infinity) : bits;
  };
  map2<std::uint32_t, float, float>(
      warp, op, [&](float a, float b) { return static_cast<std::uint32_t>(narrow(a)) << 16 | narrow(b); });
}

/// cvt.pack.sat: a above b, each saturated to `flags & 31` bits; above them c, shifted. immediate: signed.
void pack_saturated(Warp& warp, const Op& op) {
  const std::uint32_t bits = op.flags;
  const bool is_signed = op.immediate != 0;
  const std::int32_t most = static_cast<std::int32_t>((1u << (bits - (is_signed ? 1 : 0))) - 1),
                     least = is_signed ? -most - 1 : 0;
  const std::uint32_t mask = (1u << bits) - 1;
  map3<std::uint32_t, std::int32_t, std::int32_t, std::uint32_t>(
      warp, op, [=](std::int32_t a, std::int32_t b, std::uint32_t c) {
        const auto part = [=](std::int32_t value) {
          return static_cast<std::uint32_t>(std::min(std::max(value, least), most)) & mask;
        };
        return part(a) << bits | part(b) | (bits == 16 ? 0 : c << (2 * bits));
      });
}

/// cvt.pack.sat.{u16,s16}.s32 d, a, b; cvt.pack.sat.{u8,s8,u4,s4,u2,s2}.s32.b32 d, a, b, c.
Op encode_pack(Encoder& e) {
  const auto& modifiers = e.instruction().modifiers;
  if (modifiers.size() < 4 || modifiers[1] != "sat" || modifiers[3] != "s32") e.unsupported();
  const std::string& to = modifiers[2];
  Op op;
  op.klass = Class::convert;
  op.execute = pack_saturated;
  op.immediate = to[0] == 's';
  for (const std::uint8_t bits : {2, 4, 8, 16}) {
    if (to.substr(1) == std::to_string(bits)) op.flags = bits;
  }
  if (op.flags == 0 || (op.flags == 16) != (e.operands() == 3)) e.unsupported();
  op.a = e.read(1, Type::s32);
  op.b = e.read(2, Type::s32);
  op.c = op.flags == 16 ? e.constant_slot(0, 4) : e.read(3, Type::b32);
  op.d = e.write(0, Type::b32);
  return op;
}

/// The commonest: s32 to f32 to nearest, f32 to s32 toward zero, f16 to f32, f32 to f64.
void s32_to_f32(Warp& warp, const Op& op) {
  map1<float, std::int32_t>(warp, op, [](std::int32_t a) { return static_cast<float>(a); });
}
void f32_to_f64(Warp& warp, const Op& op) {
  map1<double, float>(warp, op, [](float a) {
    return a != a ? std::bit_cast<double>(0x7ff8000000000000ull) : static_cast<double>(a);
  });
}

void trace_convert(Warp& warp, const Op& op) {
  const std::uint32_t* list = warp.list(op);
  trace_conversion(warp, op, op.a, list[3], list[2], list[2], 0);
}
void trace_convert_pair(Warp& warp, const Op& op) {
  trace_conversion(warp, op, op.a, 4, 2, 4, 2);
  trace_conversion(warp, op, op.b, 4, 2, 4, 0);
}

bool is_float(Type t) {
  return t == Type::f16 || t == Type::bf16 || t == Type::tf32 || t == Type::f32 || t == Type::f64;
}
bool is_integer(Type t) { return t >= Type::u8 && t <= Type::s64; }

Op encode_cvt(Encoder& e) {
  if (e.has("pack")) return encode_pack(e);
  const Type destination = e.type(0), source = e.type(1);
  Op op;
  op.klass = Class::convert;
  op.flags = static_cast<std::uint8_t>((e.has("ftz") ? kFlush : 0) | (e.has("sat") ? kSaturate : 0) |
                                       (e.has("satfinite") ? kFinite : 0) | (e.has("relu") ? kRelu : 0));
  if (destination == Type::f16x2 || destination == Type::bf16x2) {
    if (source != Type::f32) e.unsupported();
    op.execute = convert_pair;
    op.trace = trace_convert_pair;
    op.immediate = static_cast<std::uint64_t>(rounding_of(e)) | (destination == Type::bf16x2 ? 256 : 0);
    op.a = e.read(1, Type::f32);
    op.b = e.read(2, Type::f32);
    op.d = e.write(0, Type::b32);
    return op;
  }
  if (!(is_float(destination) || is_integer(destination)) || !(is_float(source) || is_integer(source)))
    e.unsupported();
  std::uint32_t source_bytes = e.register_bytes(e.operand(1)), bytes = e.register_bytes(e.operand(0));
  if (source_bytes == 0) source_bytes = std::max(2u, ptx::bytes_of(source));  // an immediate
  if (bytes == 0) e.unsupported("destination");
  const Type held = source_bytes == 8 ? Type::b64 : source_bytes == 4 ? Type::b32 : Type::b16;
  if (source_bytes < ptx::bytes_of(source) || bytes < ptx::bytes_of(destination))
    e.unsupported("register too narrow");
  op.a = e.register_bytes(e.operand(1)) != 0 ? e.read_any_width(e.operand(1), held) : e.read(1, held);
  op.d = e.write_any_width(e.operand(0));
  if (is_integer(destination) && is_integer(source)) {
    op.execute = integer_handler(source, source_bytes, destination, bytes);
    if (op.execute == nullptr) e.unsupported();
    return op;
  }
  const bool integral = e.has("rni") || e.has("rzi") || e.has("rmi") || e.has("rpi");
  if (integral) op.flags |= kIntegral;
  op.immediate = static_cast<std::uint64_t>(rounding_of(e));
  op.list = e.list(
      {static_cast<std::uint32_t>(destination), static_cast<std::uint32_t>(source), bytes, source_bytes});
  op.execute = convert_float;
  if (is_float(destination) && is_float(source)) op.trace = trace_convert;
  const bool plain = op.flags == 0 && op.immediate == 0;
  if (plain && source == Type::s32 && destination == Type::f32) op.execute = s32_to_f32;
  if (plain && source == Type::f32 && destination == Type::f64) op.execute = f32_to_f64;
  return op;
}

constexpr Opcode kOpcodes[] = {{"cvt", encode_cvt}};

}  // namespace

std::span<const Opcode> convert_opcodes() { return kOpcodes; }

}  // namespace softgpu
