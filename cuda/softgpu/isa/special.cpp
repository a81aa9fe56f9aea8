// rcp, sqrt, rsqrt, ex2, lg2, sin, cos, tanh; copysign and testp.
//
// The approximate forms have no defined bits, only error bounds: they are computed in double and rounded
// once, or moved within the bound (approximate.h).
#include <cmath>

#include "../machine/block.h"
#include "approximate.h"
#include "families.h"
#include "float32.h"
#include "rounding.h"

namespace softgpu {

Op encode_testp(Encoder&);  // floating.cpp

namespace {

using ptx::Type;

enum class Function32 : std::uint8_t {
  reciprocal,
  square_root,
  reciprocal_square_root,
  exp2,
  log2,
  sine,
  cosine,
  tanh
};

double exact(Function32 function, double x) {
  switch (function) {
    case Function32::reciprocal:
      return 1.0 / x;
    case Function32::square_root:
      return std::sqrt(x);
    case Function32::reciprocal_square_root:
      return 1.0 / std::sqrt(x);
    case Function32::exp2:
      return std::exp2(x);
    case Function32::log2:
      return std::log2(x);
    case Function32::sine:
      return std::sin(x);
    case Function32::cosine:
      return std::cos(x);
    case Function32::tanh:
      return std::tanh(x);
  }
  return 0;
}

/// Largest error of the result that the manual allows at x, where the exact result is y; its bounds are
/// quoted from memory. Zeros and infinities have exact results (its tables of special values).
double error_bound(Function32 function, double x, double y) {
  if (x == 0 || std::isinf(x)) return 0;
  switch (function) {
    case Function32::reciprocal:
      return ulp_of_f32(y);
    case Function32::square_root:
      return std::fabs(y) * 0x1p-23;
    case Function32::reciprocal_square_root:
      return std::fabs(y) * 0x1.125p-23;  // 2^-22.9
    case Function32::exp2:  // nvcc's own erf and cosh in f64 take a power of two at an integer as exact
      return x == std::floor(x) ? 0 : 2 * ulp_of_f32(y);
    case Function32::log2:
      return x > 0.5 && x < 2 ? 0x1p-22 : std::fabs(y) * 0x1p-22;
    case Function32::sine:
    case Function32::cosine:  // 2^-20.5 on [-2 pi, 2 pi], 2^-14.7 on [-100 pi, 100 pi]; beyond it names none
      return std::fabs(x) <= 6.28318530717958 ? 0x1.6ap-21 : 0x1.3ap-15;
    case Function32::tanh:
      return std::fabs(y) * 0x1p-11;
  }
  return 0;
}

/// immediate: Function32; flags: 1 flush.
void approximate(Warp& warp, const Op& op) {
  const auto function = static_cast<Function32>(op.immediate);
  const bool flushes = (op.flags & 1) != 0, perturbs = warp.block().settings().perturb;
  const float* a = warp.lanes<float>(op.a);
  float* d = warp.lanes<float>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    const float x = flushes ? flush(a[i]) : a[i];
    const double value = exact(function, static_cast<double>(x));
    auto result = static_cast<float>(value);
    if (perturbs && std::isfinite(result)) {
      result = perturbed(value, error_bound(function, static_cast<double>(x), value), noise(x),
                         [](double moved) { return static_cast<float>(moved); });
    }
    d[i] = canonical(flushes ? flush(result) : result);
  }
  warp.define(op.d, warp.defined(op.a));
}

/// Correctly rounded 1/x and sqrt. immediate: Rounding; flags: 1 flush, 2 square root.
template <class T>
void rounded(Warp& warp, const Op& op) {
  const RoundingMode mode(static_cast<Rounding>(op.immediate));
  const bool flushes = (op.flags & 1) != 0, root = (op.flags & 2) != 0;
  const T* a = warp.lanes<T>(op.a);
  T* d = warp.lanes<T>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    T x = a[i];
    if constexpr (sizeof(T) == 4) x = flushes ? flush(x) : x;
    T value = kept(root ? std::sqrt(kept(x)) : T{1} / kept(x));
    if constexpr (sizeof(T) == 4) {
      value = canonical(flushes ? flush(value) : value);
    } else if (value != value) {
      value = std::bit_cast<double>(0x7ff8000000000000ull);
    }
    d[i] = value;
  }
  warp.define(op.d, warp.defined(op.a));
}

/// rcp.approx.ftz.f64, rsqrt.approx.ftz.f64: from the upper 32 bits of the argument; the result's lower 32
/// are zero. flags: 1 reciprocal square root.
void approximate_upper(Warp& warp, const Op& op) {
  const bool root = op.flags != 0;
  map1<double, double>(warp, op, [root](double a) {
    double x = std::bit_cast<double>(std::bit_cast<std::uint64_t>(a) & 0xffffffff00000000ull);
    if (std::isnan(a)) x = a;
    if (std::fpclassify(x) == FP_SUBNORMAL) x = std::copysign(0.0, x);
    const double value = root ? 1.0 / std::sqrt(x) : 1.0 / x;
    if (value != value) return std::bit_cast<double>(0x7fffffff00000000ull);
    const double flushed = std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0, value) : value;
    return std::bit_cast<double>(std::bit_cast<std::uint64_t>(flushed) & 0xffffffff00000000ull);
  });
}

/// rsqrt.approx.f64, which works on the whole argument, subnormals too.
void reciprocal_root(Warp& warp, const Op& op) {
  map1<double, double>(warp, op, [](double a) {
    const double value = 1.0 / std::sqrt(a);
    return value != value ? std::bit_cast<double>(0x7ff8000000000000ull) : value;
  });
}

Op encode(Encoder& e, Function32 function) {
  const Type type = e.type();
  Op op;
  op.klass = Class::special;
  op.flops = 1;
  op.flags = e.has("ftz") ? 1 : 0;
  op.immediate = static_cast<std::uint64_t>(function);
  const bool may_round = function == Function32::reciprocal || function == Function32::square_root;
  if (type == Type::f16 || type == Type::f16x2 || type == Type::bf16 || type == Type::bf16x2)
    return encode_half(e);
  if (type == Type::f64) {
    if (e.has("approx")) {
      const bool root = function == Function32::reciprocal_square_root;
      if (function != Function32::reciprocal && !root) e.unsupported();
      op.execute = root && !e.has("ftz") ? reciprocal_root : approximate_upper;
      op.flags = root ? 1 : 0;
    } else {
      if (!may_round) e.unsupported();
      op.execute = rounded<double>;
      op.immediate = static_cast<std::uint64_t>(rounding_of(e));
      op.flags = function == Function32::square_root ? 2 : 0;
    }
  } else if (type == Type::f32) {
    op.execute = approximate;
    if (!e.has("approx")) {
      if (!may_round) e.unsupported();
      op.execute = rounded<float>;
      op.immediate = static_cast<std::uint64_t>(rounding_of(e));
      op.flags |= function == Function32::square_root ? 2 : 0;
    }
  } else {
    e.unsupported();
  }
  op.a = e.read(1, type);
  op.d = e.write(0, type);
  return op;
}

template <Function32 kFunction>
Op encode_as(Encoder& e) {
  return encode(e, kFunction);
}

constexpr Opcode kOpcodes[] = {{"rcp", encode_as<Function32::reciprocal>},
                               {"sqrt", encode_as<Function32::square_root>},
                               {"rsqrt", encode_as<Function32::reciprocal_square_root>},
                               {"ex2", encode_as<Function32::exp2>},
                               {"lg2", encode_as<Function32::log2>},
                               {"sin", encode_as<Function32::sine>},
                               {"cos", encode_as<Function32::cosine>},
                               {"tanh", encode_as<Function32::tanh>},
                               {"copysign", encode_floating},
                               {"testp", encode_testp}};

}  // namespace

std::span<const Opcode> special_opcodes() { return kOpcodes; }

}  // namespace softgpu
