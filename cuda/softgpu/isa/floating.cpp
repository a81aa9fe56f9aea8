// f32 and f64: add, sub, mul, fma, div, min, max, abs, neg, copysign, testp, with .ftz, .sat and all
// roundings.
//
// Multiplications and additions are never contracted (-ffp-contract=off); fma rounds once. A NaN result of
// f32 is the canonical 0x7fffffff, as on the device; of f64 the canonical quiet NaN.
#include <cmath>

#include "../machine/block.h"
#include "approximate.h"
#include "families.h"
#include "floating.h"

namespace softgpu {

using namespace floating;

namespace {

using ptx::Type;

/// The common case: to nearest, no modifiers.
template <class T, class F>
void binary(Warp& warp, const Op& op) {
  map2<T, T, T>(warp, op, [](T a, T b) { return canonical(F::template apply<T>(a, b)); });
}

template <class T>
void fused(Warp& warp, const Op& op) {
  map3<T, T, T, T>(warp, op, [](T a, T b, T c) { return canonical(std::fma(a, b, c)); });
}

/// div.approx.f32 and div.full.f32: within 2 ulp; .approx is 0 (or NaN) where 2^126 < |b| < 2^128.
void divide_approximate(Warp& warp, const Op& op) {
  const bool flushes = (op.flags & kFlush) != 0, full = op.immediate != 0,
             perturbs = warp.block().settings().perturb;
  map2<float, float, float>(warp, op, [flushes, full, perturbs](float a, float b) {
    if (flushes) a = flush(a), b = flush(b);
    if (!full && std::fabs(b) > 0x1p126f && std::isfinite(b)) {
      return std::isinf(a) || std::isnan(a)
                 ? canonical(static_cast<float>(NAN))
                 : std::copysign(0.0f, std::signbit(a) != std::signbit(b) ? -1.0f : 1.0f);
    }
    const double exact = static_cast<double>(a) / static_cast<double>(b);
    auto value = static_cast<float>(exact);
    if (perturbs && std::isfinite(value) && value != 0) {
      value = perturbed(exact, 2 * ulp_of_f32(exact), noise(a, b),
                        [](double moved) { return static_cast<float>(moved); });
    }
    return canonical(flushes ? flush(value) : value);
  });
}

// ---- min, max
// -----------------------------------------------------------------------------------------------------

/// A NaN operand is dropped unless .NaN; -0 is below +0; both NaN give the canonical one.
template <class T>
T lesser(T a, T b) {
  if (a != a) return b;
  if (b != b) return a;
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}
template <class T>
T greater(T a, T b) {
  if (a != a) return b;
  if (b != b) return a;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

/// immediate: 1 maximum.
template <class T, bool kMaximum>
void extreme(Warp& warp, const Op& op) {
  const std::uint8_t flags = op.flags;
  map2<T, T, T>(warp, op, [flags](T a, T b) {
    if ((flags & kFlush) != 0) a = flush(a), b = flush(b);
    const bool negative = std::signbit(a) != std::signbit(b);
    if ((flags & kXorSign) != 0) a = std::fabs(a), b = std::fabs(b);
    T value = kMaximum ? greater(a, b) : lesser(a, b);
    if ((flags & kNan) != 0 && (a != a || b != b)) value = canonical(static_cast<T>(NAN));
    value = canonical(value);
    return (flags & kXorSign) != 0 && value == value ? std::copysign(value, negative ? T{-1} : T{1}) : value;
  });
}

// ---- abs, neg, copysign, testp
// ------------------------------------------------------------------------------------

template <class T>
void absolute(Warp& warp, const Op& op) {
  const bool flushes = (op.flags & kFlush) != 0;
  map1<T, T>(warp, op, [flushes](T a) { return std::fabs(flushes ? flush(a) : a); });
}
template <class T>
void negate(Warp& warp, const Op& op) {
  const bool flushes = (op.flags & kFlush) != 0;
  map1<T, T>(warp, op, [flushes](T a) { return -(flushes ? flush(a) : a); });
}

/// copysign d, a, b: sign of a, magnitude of b.
template <class T>
void copy_sign(Warp& warp, const Op& op) {
  map2<T, T, T>(warp, op, [](T a, T b) { return std::copysign(b, a); });
}

enum class Test : std::uint8_t { finite, infinite, number, notanumber, normal, subnormal };
constexpr std::array<std::string_view, 6> kTests{"finite",     "infinite", "number",
                                                 "notanumber", "normal",   "subnormal"};

template <class T>
void test(Warp& warp, const Op& op) {
  const T* a = warp.lanes<T>(op.a);
  std::uint32_t result = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    bool value = false;
    switch (static_cast<Test>(op.flags)) {
      case Test::finite:
        value = std::isfinite(a[i]);
        break;
      case Test::infinite:
        value = std::isinf(a[i]);
        break;
      case Test::number:
        value = !std::isnan(a[i]);
        break;
      case Test::notanumber:
        value = std::isnan(a[i]);
        break;
      case Test::normal:
        value = std::isnormal(a[i]);
        break;
      case Test::subnormal:
        value = std::fpclassify(a[i]) == FP_SUBNORMAL;
        break;
    }
    result |= static_cast<std::uint32_t>(value) << i;
  }
  warp.set_predicate(op.d, result, warp.defined(op.a));
}

// ---- encoding
// -----------------------------------------------------------------------------------------------------

template <class T>
Handler handler(const Encoder& e, bool plain) {
  const std::string& name = e.instruction().opcode;
  if (!plain) {
    if (const Handler rounded = rounded_handler(name, sizeof(T) == 4)) return rounded;
  }
  if (name == "add") return binary<T, Add>;
  if (name == "sub") return binary<T, Subtract>;
  if (name == "mul") return binary<T, Multiply>;
  if (name == "div") return binary<T, Divide>;
  if (name == "fma" || name == "mad") return fused<T>;
  if (name == "min") return extreme<T, false>;
  if (name == "max") return extreme<T, true>;
  if (name == "abs") return absolute<T>;
  if (name == "neg") return negate<T>;
  if (name == "copysign") return copy_sign<T>;
  return nullptr;
}

}  // namespace

Op encode_floating(Encoder& e) {
  const Type type = e.type();
  const bool single = type == Type::f32;
  const std::string& name = e.instruction().opcode;
  const Rounding rounding = rounding_of(e);
  Op op;
  op.klass = single ? Class::f32 : Class::f64;
  op.flags = static_cast<std::uint8_t>((e.has("ftz") ? kFlush : 0) | (e.has("sat") ? kSaturate : 0) |
                                       (e.has("NaN") ? kNan : 0) | (e.has("xorsign") ? kXorSign : 0));
  const bool plain = rounding == Rounding::nearest_even && op.flags == 0;  // what vectorises
  op.immediate = static_cast<std::uint64_t>(rounding);
  op.execute = single ? handler<float>(e, plain) : handler<double>(e, plain);
  op.flops = 1;
  if (name == "div" && (e.has("approx") || e.has("full"))) {
    op.execute = divide_approximate;
    op.immediate = e.has("full") ? 1 : 0;
  }
  if (op.execute == nullptr) e.unsupported();
  op.a = e.read(1, type);
  if (name == "abs" || name == "neg") {
    op.flops = 0;
  } else {
    op.b = e.read(2, type);
  }
  if (name == "fma" || name == "mad") {
    op.c = e.read(3, type);
    op.flops = 2;
  }
  if ((name == "min" || name == "max") && e.operands() > 3) e.unsupported("three operands");
  op.d = e.write(0, type);
  return op;
}

Op encode_testp(Encoder& e) {
  Op op;
  op.klass = Class::predicate;
  const Type type = e.type();
  op.execute = type == Type::f32 ? test<float> : test<double>;
  for (std::size_t i = 0; i < kTests.size(); ++i) {
    if (e.has(kTests[i])) op.flags = static_cast<std::uint8_t>(i);
  }
  op.a = e.read(1, type);
  op.d = e.write(0, Type::pred);
  return op;
}

}  // namespace softgpu
