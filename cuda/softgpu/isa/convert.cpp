// cvt: between all number types, with every rounding, .sat, .ftz, .relu, and into pairs of 16-bit floats.
//
// Integers to and from floats saturate; NaN becomes 0, except from f64 or to a 64-bit integer, where hardware
// gives 0x80000000 (00000000) (observed on hardware; the manual leaves it open).
#include <cmath>
#include <limits>

#include "../machine/block.h"
#include "families.h"
#include "origin_traces.h"
#include "rounding.h"

namespace softgpu {

namespace {

using ptx::Type;

enum Flag : std::uint8_t { kFlush = 1, kSaturate = 2, kRelu = 4, kIntegral = 8 };

inline float flush(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return (bits & 0x7f800000u) == 0 ? std::bit_cast<float>(bits & 0x80000000u) : value;
}

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

/// A rounded double to an integer type: saturating, NaN as the head of this file says.
std::uint64_t to_integer(double value, Type destination, Type source) {
  const std::uint32_t bits = 8 * ptx::bytes_of(destination);
  const bool is_signed = destination == Type::s8 || destination == Type::s16 || destination == Type::s32 ||
                         destination == Type::s64;
  if (std::isnan(value)) {
    if (source != Type::f64 && bits < 64) return 0;
    return bits == 64 ? 0x8000000000000000ull : bits == 32 ? 0x80000000ull : 0;
  }
  const double high = std::ldexp(1.0, static_cast<int>(is_signed ? bits - 1 : bits));
  const double low = is_signed ? -high : 0.0;
  if (value >= high)
    return is_signed ? (std::uint64_t{1} << (bits - 1)) - 1 : bits == 64 ? ~0ull : (1ull << bits) - 1;
  if (value < low) return is_signed ? std::uint64_t{1} << (bits - 1) : 0;
  if (is_signed) return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  return static_cast<std::uint64_t>(value);
}

/// A double to f32 with a rounding; the value is exact, so this is the only one.
float to_f32(double value, Rounding rounding) {
  const RoundingMode mode(rounding);
  return kept(static_cast<float>(kept(value)));
}

float canonical(float value) { return value != value ? std::bit_cast<float>(0x7fffffffu) : value; }

/// tf32: nearest with ties away on 10 fraction bits (rna), or nearest even (rn); the low 13 bits are zero.
std::uint32_t to_tf32(float value, Rounding rounding, bool relu) {
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
  if (relu && (bits >> 31) != 0) bits = 0;
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
    if (source == Type::u64 || source == Type::s64) {  // rounded once, straight from the integer
      const RoundingMode mode(rounding);
      const std::uint64_t raw = kept(warp.lanes<std::uint64_t>(op.a)[i]);
      const bool is_signed = source == Type::s64;
      if (destination == Type::f32) {
        const float value =
            kept(is_signed ? static_cast<float>(static_cast<std::int64_t>(raw)) : static_cast<float>(raw));
        bits = std::bit_cast<std::uint32_t>(saturates ? std::fmin(std::fmax(value, 0.0f), 1.0f) : value);
      } else if (destination == Type::f64) {
        bits = std::bit_cast<std::uint64_t>(is_signed ? static_cast<double>(static_cast<std::int64_t>(raw))
                                                      : static_cast<double>(raw));
      } else {  // 16 bits: beyond 2^53 only the sign of what is lost matters, and 2^53 is far beyond both
                // formats' ulp
        const auto whole =
            is_signed ? static_cast<double>(static_cast<std::int64_t>(raw)) : static_cast<double>(raw);
        bits = destination == Type::f16 ? f16_from(whole, rounding) : bf16_from(whole, rounding);
      }
      result[i] = bits;
      continue;
    }
    double value = source_value(warp, op, source, source_bytes, i);
    if (integral) value = std::isfinite(value) ? round_to_integral(value, rounding) : value;
    switch (destination) {
      case Type::f16:
      case Type::bf16:
        if (saturates) value = value > 0 ? (value < 1 ? value : 1.0) : 0.0;
        if ((op.flags & kRelu) != 0 && !std::isnan(value)) value = value > 0 ? value : 0.0;
        bits = destination == Type::f16 ? f16_from(value, rounding) : bf16_from(value, rounding);
        break;
      case Type::f32: {
        float narrow = to_f32(value, rounding);
        if ((op.flags & kFlush) != 0) narrow = flush(narrow);
        if (saturates) narrow = narrow > 0 ? (narrow < 1 ? narrow : 1.0f) : 0.0f;
        bits = std::bit_cast<std::uint32_t>(canonical(narrow));
        break;
      }
      case Type::tf32:
        bits = to_tf32(static_cast<float>(value), rounding, (op.flags & kRelu) != 0);
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
             saturates = (op.flags & kSaturate) != 0;
  const auto narrow = [&](float value) {
    double exact = static_cast<double>(value);
    if (relu && !std::isnan(exact)) exact = exact > 0 ? exact : 0.0;
    if (saturates && std::fabs(exact) > (brain ? 0x1.fep127 : 65504.0)) {
      exact = std::copysign(brain ? 0x1.fep127 : 65504.0, exact);
    }
    return brain ? bf16_from(exact, rounding) : f16_from(exact, rounding);
  };
  map2<std::uint32_t, float, float>(
      warp, op, [&](float a, float b) { return static_cast<std::uint32_t>(narrow(a)) << 16 | narrow(b); });
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
  const Type destination = e.type(0), source = e.type(1);
  Op op;
  op.klass = Class::convert;
  op.flags = static_cast<std::uint8_t>((e.has("ftz") ? kFlush : 0) |
                                       (e.has("sat") || e.has("satfinite") ? kSaturate : 0) |
                                       (e.has("relu") ? kRelu : 0));
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
