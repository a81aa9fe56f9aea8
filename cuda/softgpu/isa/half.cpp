// f16 and bf16, single and in pairs: add, sub, mul, fma, min, max, abs, neg, ex2, tanh. One rounding each.
//
// A sum or product of two of them is exact in double, a fused multiply-add is rounded to odd there
// (float16.h), so the rounding to 16 bits is the only one.
#include <algorithm>
#include <cmath>

#include "../machine/block.h"
#include "approximate.h"
#include "families.h"
#include "float16.h"

namespace softgpu {

namespace {

using ptx::Type;

enum Flag : std::uint8_t { kFlush = 1, kSaturate = 2, kRelu = 4, kNan = 8, kXorSign = 16, kPerturb = 32 };

struct F16 {
  static constexpr std::uint16_t kNanBits = kF16Nan;
  static constexpr double kExp2Error = 0x1.125p-10;  ///< relative, 2^-9.9
  static constexpr double kTanhError = 0x1.024p-11;  ///< absolute, 2^-10.987
  static double to_double(std::uint16_t bits) { return f16_to_double(bits); }
  static std::uint16_t from(double value) { return f16_from(value); }
  static std::uint16_t flush(std::uint16_t bits) { return (bits & 0x7c00) == 0 ? bits & 0x8000 : bits; }
};
struct Bf16 {
  static constexpr std::uint16_t kNanBits = kBf16Nan;
  static constexpr double kExp2Error = 0x1p-7, kTanhError = 0x1p-8;
  static double to_double(std::uint16_t bits) { return static_cast<double>(bf16_to_float(bits)); }
  static std::uint16_t from(double value) { return bf16_from(value); }
  static std::uint16_t flush(std::uint16_t bits) { return (bits & 0x7f80) == 0 ? bits & 0x8000 : bits; }
};

enum class Operation : std::uint8_t { add, sub, mul, fma, minimum, maximum, absolute, negate, exp2, tanh };

template <class Format>
std::uint16_t finish(double value, std::uint8_t flags) {
  std::uint16_t bits = Format::from(value);
  if ((flags & kFlush) != 0) bits = Format::flush(bits);
  if ((flags & kSaturate) != 0) bits = value > 0 ? (value < 1 ? bits : Format::from(1.0)) : 0;
  if ((flags & kRelu) != 0 && !(value > 0)) bits = std::isnan(value) ? Format::kNanBits : 0;
  return bits;
}

/// `exact` rounded, or moved within the bound above; zeros and infinities have exact results.
template <class Format>
std::uint16_t approximate(double argument, double exact, double error, std::uint8_t flags) {
  if ((flags & kPerturb) == 0 || argument == 0 || !std::isfinite(argument) ||
      !std::isfinite(Format::to_double(Format::from(exact)))) {
    return finish<Format>(exact, flags);
  }
  const double moved = perturbed(exact, error, noise(static_cast<float>(argument)),
                                 [](double value) { return Format::to_double(Format::from(value)); });
  return finish<Format>(moved, flags);
}

template <class Format>
std::uint16_t apply(Operation operation, std::uint16_t a, std::uint16_t b, std::uint16_t c,
                    std::uint8_t flags) {
  if ((flags & kFlush) != 0) a = Format::flush(a), b = Format::flush(b), c = Format::flush(c);
  const double x = Format::to_double(a), y = Format::to_double(b), z = Format::to_double(c);
  switch (operation) {
    case Operation::add:
      return finish<Format>(add_to_odd(x, y), flags);
    case Operation::sub:
      return finish<Format>(add_to_odd(x, -y), flags);
    case Operation::mul:
      return finish<Format>(x * y, flags);
    case Operation::fma:
      return finish<Format>(std::isfinite(x * y) ? add_to_odd(x * y, z) : x * y + z, flags);
    case Operation::minimum:
    case Operation::maximum: {
      const bool a_nan = std::isnan(x), b_nan = std::isnan(y);
      if ((a_nan && b_nan) || ((a_nan || b_nan) && (flags & kNan) != 0)) return Format::kNanBits;
      if ((flags & kXorSign) != 0) {  // magnitudes, under the product's sign
        const int sign = (a ^ b) & 0x8000, p = a & 0x7fff, q = b & 0x7fff;
        const int d = a_nan                             ? q
                      : b_nan                           ? p
                      : operation == Operation::minimum ? std::min(p, q)
                                                        : std::max(p, q);
        return static_cast<std::uint16_t>(d | sign);
      }
      if (a_nan || b_nan) return a_nan ? b : a;
      const bool a_less = x < y || (x == y && std::signbit(x) && !std::signbit(y));
      return (operation == Operation::minimum) == a_less ? a : b;
    }
    case Operation::absolute:
      return a & 0x7fff;
    case Operation::negate:
      return a ^ 0x8000;
    case Operation::exp2:
      return approximate<Format>(x, std::exp2(x), Format::kExp2Error * std::exp2(x), flags);
    case Operation::tanh:
      return approximate<Format>(x, std::tanh(x), Format::kTanhError, flags);
  }
  return 0;
}

/// R: 16-bit lanes for one number, 32-bit ones for a pair. immediate: Operation.
template <class Format, class R>
void half(Warp& warp, const Op& op) {
  const auto operation = static_cast<Operation>(op.immediate);
  const auto flags = static_cast<std::uint8_t>(op.flags | (warp.block().settings().perturb ? kPerturb : 0));
  const R* a = warp.lanes<R>(op.a);
  const R* b = op.b != kNoSlot ? warp.lanes<R>(op.b) : a;
  const R* c = op.c != kNoSlot ? warp.lanes<R>(op.c) : a;
  R* d = warp.lanes<R>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    R value = 0;
    for (std::uint32_t shift = 0; shift < 8 * sizeof(R); shift += 16) {
      const std::uint16_t part = apply<Format>(operation, static_cast<std::uint16_t>(a[i] >> shift),
                                               static_cast<std::uint16_t>(b[i] >> shift),
                                               static_cast<std::uint16_t>(c[i] >> shift), flags);
      value = static_cast<R>(value | static_cast<R>(static_cast<R>(part) << shift));
    }
    d[i] = value;
  }
  warp.define(op.d, warp.defined(op.a) & (op.b != kNoSlot ? warp.defined(op.b) : ~0u) &
                        (op.c != kNoSlot ? warp.defined(op.c) : ~0u));
}

}  // namespace

Op encode_half(Encoder& e) {
  static constexpr std::pair<std::string_view, Operation> kOperations[] = {
      {"add", Operation::add},      {"sub", Operation::sub},     {"mul", Operation::mul},
      {"fma", Operation::fma},      {"min", Operation::minimum}, {"max", Operation::maximum},
      {"abs", Operation::absolute}, {"neg", Operation::negate},  {"ex2", Operation::exp2},
      {"tanh", Operation::tanh}};
  const Type type = e.type();
  const bool pair = type == Type::f16x2 || type == Type::bf16x2;
  const bool brain = type == Type::bf16 || type == Type::bf16x2;
  Op op;
  op.klass = Class::f16;
  op.execute = brain ? (pair ? half<Bf16, std::uint32_t> : half<Bf16, std::uint16_t>)
                     : (pair ? half<F16, std::uint32_t> : half<F16, std::uint16_t>);
  bool known = false;
  for (const auto& [name, operation] : kOperations) {
    if (e.instruction().opcode != name) continue;
    op.immediate = static_cast<std::uint64_t>(operation);
    known = true;
  }
  if (!known) e.unsupported();
  op.flags = static_cast<std::uint8_t>((e.has("ftz") ? kFlush : 0) | (e.has("sat") ? kSaturate : 0) |
                                       (e.has("relu") ? kRelu : 0) | (e.has("NaN") ? kNan : 0) |
                                       (e.has("xorsign") ? kXorSign : 0));
  const auto operation = static_cast<Operation>(op.immediate);
  op.a = e.read(1, type);
  if (operation <= Operation::maximum) op.b = e.read(2, type);
  if (operation == Operation::fma) op.c = e.read(3, type);
  op.flops = static_cast<std::uint8_t>((pair ? 2 : 1) * (operation == Operation::fma ? 2 : 1));
  op.d = e.write(0, type);
  return op;
}

}  // namespace softgpu
