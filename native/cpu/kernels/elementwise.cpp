// Element-wise kernels: unary with backward, binary with broadcasting.
//
// Variants
//   streaming  vectors over the flat tensor. exp, sigmoid, tanh and the normal distribution of gelu are
//              polynomials (vectors.h); log is the library's.
//   runs       binary: axes that are contiguous together are merged first. What is left is most often one
//              run, or [rows, channels] with a per-channel side (repeated to whole vectors, channels.h); else
//              runs along the last axis.
//   ref        a value at a time, in double.
//
// Per element: 8 bytes (unary) or 12 (backward, binary), 1 FLOP; exp-like kinds about 20, gelu 40. Bound by
// memory. Bench: npm run bench:kernel -- --kernel unary_forward --problem "count=2097152 kind=relu"
//        npm run bench:kernel -- --kernel binary --problem "dims=131072x16 a_strides=16x1 b_strides=0x1"
#include "ops/elementwise.h"
#include "cpu/kernels/channels.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;          // sqrt(1 / 2)
constexpr double kInverseSqrtTwoPi = 0.39894228040143267794;  // 1 / sqrt(2 pi)
// gelu_tanh: 0.5 x (1 + tanh(kGeluScale (x + kGeluCube x^3))), Hendrycks and Gimpel, arXiv 1606.08415.
constexpr double kGeluScale = 0.79788456080286535588;  // sqrt(2 / pi)
constexpr double kGeluCube = 0.044715;

double relu6(double x) { return x < 0 ? 0 : x > 6 ? 6 : x; }

double unary(Unary kind, double x, double p0, double p1) {
  switch (kind) {
    case Unary::Relu:
      return x < 0 ? 0 : x;
    case Unary::Relu6:
      return relu6(x);
    case Unary::Sigmoid:
      return 1 / (1 + std::exp(-x));
    case Unary::Tanh:
      return std::tanh(x);
    case Unary::Exp:
      return std::exp(x);
    case Unary::Log:
      return std::log(x);
    case Unary::Sqrt:
      return std::sqrt(x);
    case Unary::Square:
      return x * x;
    case Unary::Abs:
      return std::abs(x);
    case Unary::Negate:
      return -x;
    case Unary::Sign:
      return (x > 0) - (x < 0);
    case Unary::Reciprocal:
      return 1 / x;
    case Unary::Affine:
      return p0 * x + p1;
    case Unary::Clamp:
      return x < p0 ? p0 : x > p1 ? p1 : x;
    case Unary::Step:
      return x > 0;
    case Unary::Silu:
      return x / (1 + std::exp(-x));
    case Unary::HardSwish:
      return x * relu6(x + 3) / 6;
    case Unary::HardSigmoid:
      return relu6(x + 3) / 6;
    case Unary::Elu:
      return x > 0 ? x : p0 * std::expm1(x);
    case Unary::LeakyRelu:
      return x > 0 ? x : p0 * x;
    case Unary::Gelu:
      return x * 0.5 * std::erfc(-x * kSqrtHalf);
    case Unary::GeluTanh:
      return 0.5 * x * (1 + std::tanh(kGeluScale * (x + kGeluCube * x * x * x)));
  }
  return 0;
}

double unary_gradient(Unary kind, double saved, double dy, double p0, double p1) {
  switch (kind) {
    case Unary::Relu:
      return saved <= 0 ? 0 : dy;
    case Unary::Relu6:
      return saved <= 0 || saved >= 6 ? 0 : dy;
    case Unary::Sigmoid:
      return dy * saved * (1 - saved);
    case Unary::Tanh:
      return dy * (1 - saved * saved);
    case Unary::Exp:
      return dy * saved;
    case Unary::Log:
      return dy / saved;
    case Unary::Sqrt:
      return dy / (2 * saved);
    case Unary::Square:
      return 2 * saved * dy;
    case Unary::Abs:
      return dy * ((saved > 0) - (saved < 0));
    case Unary::Negate:
      return -dy;
    case Unary::Reciprocal:
      return -dy * saved * saved;
    case Unary::Affine:
      return p0 * dy;
    case Unary::Clamp:
      return saved >= p0 && saved <= p1 ? dy : 0;
    case Unary::Silu: {
      const double s = 1 / (1 + std::exp(-saved));
      return dy * s * (1 + saved * (1 - s));
    }
    case Unary::HardSwish:
      return saved <= -3 ? 0 : saved < 3 ? dy * (saved / 3 + 0.5) : dy;
    case Unary::HardSigmoid:
      return saved > -3 && saved < 3 ? dy / 6 : 0;
    case Unary::Elu:
      return saved > 0 ? dy : dy * p0 * std::exp(saved);
    case Unary::LeakyRelu:
      return saved > 0 ? dy : dy * p0;
    case Unary::Gelu:
      return dy * (0.5 * std::erfc(-saved * kSqrtHalf) +
                   saved * kInverseSqrtTwoPi * std::exp(-0.5 * saved * saved));
    case Unary::GeluTanh: {
      const double square = saved * saved;
      const double t = std::tanh(kGeluScale * saved * (1 + kGeluCube * square));
      return dy * 0.5 * (1 + t + saved * (1 - t * t) * kGeluScale * (1 + 3 * kGeluCube * square));
    }
    case Unary::Sign:
    case Unary::Step:
      return 0;
  }
  return 0;
}

template <class T>
void unary_forward_ref(const UnaryProblem& p, const UnaryForward<T>& a, KernelContext&) {
  for (int64_t i = 0; i < p.count; ++i) a.y[i] = static_cast<T>(unary(p.kind, a.x[i], p.p0, p.p1));
}

template <class T>
void unary_backward_ref(const UnaryProblem& p, const UnaryBackward<T>& a, KernelContext&) {
  for (int64_t i = 0; i < p.count; ++i) {
    a.dx[i] = static_cast<T>(unary_gradient(p.kind, a.saved[i], a.dy[i], p.p0, p.p1));
  }
}

double binary(BinaryKind kind, double a, double b) {
  switch (kind) {
    case BinaryKind::Add:
      return a + b;
    case BinaryKind::Subtract:
      return a - b;
    case BinaryKind::Multiply:
      return a * b;
    case BinaryKind::Divide:
      return a / b;
    case BinaryKind::Maximum:
      return a > b || a != a ? a : b;  // a NaN on either side wins
    case BinaryKind::Minimum:
      return a < b || a != a ? a : b;
    case BinaryKind::Equal:
      return a == b;
    case BinaryKind::Greater:
      return a > b;
  }
  return 0;
}

template <class T>
void binary_ref(const BinaryProblem& p, const Binary<T>& a, KernelContext&) {
  const int64_t count = p.dims.count();
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, ia = 0, ib = 0;
    for (int axis = p.dims.rank() - 1; axis >= 0; --axis) {
      const int64_t at = rest % p.dims[axis];
      rest /= p.dims[axis];
      ia += at * p.a_strides[axis];
      ib += at * p.b_strides[axis];
    }
    a.y[i] = static_cast<T>(binary(p.kind, a.a[ia], a.b[ib]));
  }
}

// Calls body with the kind as a type, so that the loop inside is compiled for each kind.
template <class Body>
void with_kind(Unary kind, Body&& body) {
  switch (kind) {
    case Unary::Relu:
      return body(std::integral_constant<Unary, Unary::Relu>{});
    case Unary::Relu6:
      return body(std::integral_constant<Unary, Unary::Relu6>{});
    case Unary::Sigmoid:
      return body(std::integral_constant<Unary, Unary::Sigmoid>{});
    case Unary::Tanh:
      return body(std::integral_constant<Unary, Unary::Tanh>{});
    case Unary::Exp:
      return body(std::integral_constant<Unary, Unary::Exp>{});
    case Unary::Log:
      return body(std::integral_constant<Unary, Unary::Log>{});
    case Unary::Sqrt:
      return body(std::integral_constant<Unary, Unary::Sqrt>{});
    case Unary::Square:
      return body(std::integral_constant<Unary, Unary::Square>{});
    case Unary::Abs:
      return body(std::integral_constant<Unary, Unary::Abs>{});
    case Unary::Negate:
      return body(std::integral_constant<Unary, Unary::Negate>{});
    case Unary::Sign:
      return body(std::integral_constant<Unary, Unary::Sign>{});
    case Unary::Reciprocal:
      return body(std::integral_constant<Unary, Unary::Reciprocal>{});
    case Unary::Affine:
      return body(std::integral_constant<Unary, Unary::Affine>{});
    case Unary::Clamp:
      return body(std::integral_constant<Unary, Unary::Clamp>{});
    case Unary::Step:
      return body(std::integral_constant<Unary, Unary::Step>{});
    case Unary::Silu:
      return body(std::integral_constant<Unary, Unary::Silu>{});
    case Unary::HardSwish:
      return body(std::integral_constant<Unary, Unary::HardSwish>{});
    case Unary::HardSigmoid:
      return body(std::integral_constant<Unary, Unary::HardSigmoid>{});
    case Unary::Elu:
      return body(std::integral_constant<Unary, Unary::Elu>{});
    case Unary::LeakyRelu:
      return body(std::integral_constant<Unary, Unary::LeakyRelu>{});
    case Unary::Gelu:
      return body(std::integral_constant<Unary, Unary::Gelu>{});
    case Unary::GeluTanh:
      return body(std::integral_constant<Unary, Unary::GeluTanh>{});
  }
}

template <class Body>
void with_kind(BinaryKind kind, Body&& body) {
  switch (kind) {
    case BinaryKind::Add:
      return body(std::integral_constant<BinaryKind, BinaryKind::Add>{});
    case BinaryKind::Subtract:
      return body(std::integral_constant<BinaryKind, BinaryKind::Subtract>{});
    case BinaryKind::Multiply:
      return body(std::integral_constant<BinaryKind, BinaryKind::Multiply>{});
    case BinaryKind::Divide:
      return body(std::integral_constant<BinaryKind, BinaryKind::Divide>{});
    case BinaryKind::Maximum:
      return body(std::integral_constant<BinaryKind, BinaryKind::Maximum>{});
    case BinaryKind::Minimum:
      return body(std::integral_constant<BinaryKind, BinaryKind::Minimum>{});
    case BinaryKind::Equal:
      return body(std::integral_constant<BinaryKind, BinaryKind::Equal>{});
    case BinaryKind::Greater:
      return body(std::integral_constant<BinaryKind, BinaryKind::Greater>{});
  }
}

Vec each_lane(Vec x, float (*function)(float)) {
  for (int lane = 0; lane < kLanes; ++lane) x[lane] = function(x[lane]);
  return x;
}

Vec sign(Vec x) { return (x > 0.0f ? broadcast(1) : Vec{}) - (x < 0.0f ? broadcast(1) : Vec{}); }

Vec relu6(Vec x) { return at_most(at_least(x, Vec{}), broadcast(6)); }

// (1 + tanh(...)) / 2 of gelu_tanh.
Vec gelu_gate(Vec x, Vec square) {
  constexpr auto kScale = static_cast<float>(kGeluScale), kCube = static_cast<float>(kGeluCube);
  return sigmoid(2.0f * kScale * x * (1.0f + kCube * square));
}

template <Unary kKind>
Vec unary_vector(Vec x, Vec p0, Vec p1) {
  const Vec zero{}, one = broadcast(1);
  if constexpr (kKind == Unary::Relu) return at_least(x, zero);
  if constexpr (kKind == Unary::Relu6) return relu6(x);
  if constexpr (kKind == Unary::Sigmoid) return sigmoid(x);
  if constexpr (kKind == Unary::Tanh) return tanh(x);
  if constexpr (kKind == Unary::Exp) return exp(x);
  if constexpr (kKind == Unary::Log) return each_lane(x, [](float v) { return std::log(v); });
  if constexpr (kKind == Unary::Sqrt) return each_lane(x, [](float v) { return std::sqrt(v); });
  if constexpr (kKind == Unary::Square) return x * x;
  if constexpr (kKind == Unary::Abs) return magnitude(x);
  if constexpr (kKind == Unary::Negate) return -x;
  if constexpr (kKind == Unary::Sign) return sign(x);
  if constexpr (kKind == Unary::Reciprocal) return one / x;
  if constexpr (kKind == Unary::Affine) return p0 * x + p1;
  if constexpr (kKind == Unary::Clamp) return at_most(at_least(x, p0), p1);
  if constexpr (kKind == Unary::Step) return x > zero ? one : zero;
  if constexpr (kKind == Unary::Silu) return x * sigmoid(x);
  if constexpr (kKind == Unary::HardSwish) return x * relu6(x + 3.0f) * (1.0f / 6);
  if constexpr (kKind == Unary::HardSigmoid) return relu6(x + 3.0f) * (1.0f / 6);
  if constexpr (kKind == Unary::Elu) return x > zero ? x : p0 * expm1(x);
  if constexpr (kKind == Unary::LeakyRelu) return x > zero ? x : p0 * x;
  if constexpr (kKind == Unary::Gelu) return x * normal_distribution(x);
  if constexpr (kKind == Unary::GeluTanh) return x * gelu_gate(x, x * x);
}

template <Unary kKind>
Vec unary_gradient_vector(Vec saved, Vec dy, Vec p0, Vec p1) {
  const Vec zero{};
  if constexpr (kKind == Unary::Relu) return saved <= zero ? zero : dy;
  if constexpr (kKind == Unary::Relu6) return (saved <= zero) | (saved >= 6.0f) ? zero : dy;
  if constexpr (kKind == Unary::Sigmoid) return dy * saved * (1.0f - saved);
  if constexpr (kKind == Unary::Tanh) return dy * (1.0f - saved * saved);
  if constexpr (kKind == Unary::Exp) return dy * saved;
  if constexpr (kKind == Unary::Log) return dy / saved;
  if constexpr (kKind == Unary::Sqrt) return dy / (2.0f * saved);
  if constexpr (kKind == Unary::Square) return 2.0f * saved * dy;
  if constexpr (kKind == Unary::Abs) return dy * sign(saved);
  if constexpr (kKind == Unary::Negate) return -dy;
  if constexpr (kKind == Unary::Reciprocal) return -dy * saved * saved;
  if constexpr (kKind == Unary::Affine) return p0 * dy;
  if constexpr (kKind == Unary::Clamp) return (saved >= p0) & (saved <= p1) ? dy : zero;
  if constexpr (kKind == Unary::Silu) {
    const Vec s = sigmoid(saved);
    return dy * s * (1.0f + saved * (1.0f - s));
  }
  if constexpr (kKind == Unary::HardSwish) {
    return saved <= -3.0f ? zero : saved < 3.0f ? dy * (saved * (1.0f / 3) + 0.5f) : dy;
  }
  if constexpr (kKind == Unary::HardSigmoid) {
    return (saved > -3.0f) & (saved < 3.0f) ? dy * (1.0f / 6) : zero;
  }
  if constexpr (kKind == Unary::Elu) return saved > zero ? dy : dy * p0 * exp(saved);
  if constexpr (kKind == Unary::LeakyRelu) return saved > zero ? dy : dy * p0;
  if constexpr (kKind == Unary::Gelu) {
    const Vec density = exp(-0.5f * saved * saved) * static_cast<float>(kInverseSqrtTwoPi);
    return dy * (normal_distribution(saved) + saved * density);
  }
  if constexpr (kKind == Unary::GeluTanh) {
    constexpr auto kScale = static_cast<float>(kGeluScale), kCube = static_cast<float>(kGeluCube);
    // With the gate s = (1 + t) / 2: 1 - t^2 = 4 s (1 - s).
    const Vec square = saved * saved, s = gelu_gate(saved, square);
    return dy * s * (1.0f + saved * (1.0f - s) * (2.0f * kScale) * (1.0f + 3.0f * kCube * square));
  }
  if constexpr (kKind == Unary::Sign || kKind == Unary::Step) return zero;
}

void unary_forward_streaming(const UnaryProblem& p, const UnaryForward<float>& a, KernelContext& context) {
  const Vec p0 = broadcast(p.p0), p1 = broadcast(p.p1);
  with_kind(p.kind, [&](auto kind) {
    parallel_vectors(context, p.count, [=](int64_t i, auto lanes) {
      store(a.y + i, unary_vector<kind.value>(load(a.x + i, lanes), p0, p1), lanes);
    });
  });
}

void unary_backward_streaming(const UnaryProblem& p, const UnaryBackward<float>& a, KernelContext& context) {
  const Vec p0 = broadcast(p.p0), p1 = broadcast(p.p1);
  with_kind(p.kind, [&](auto kind) {
    parallel_vectors(context, p.count, [=](int64_t i, auto lanes) {
      const Vec saved = load(a.saved + i, lanes), dy = load(a.dy + i, lanes);
      store(a.dx + i, unary_gradient_vector<kind.value>(saved, dy, p0, p1), lanes);
    });
  });
}

template <BinaryKind kKind>
Vec binary_vector(Vec a, Vec b) {
  const Vec zero{}, one = broadcast(1);
  if constexpr (kKind == BinaryKind::Add) return a + b;
  if constexpr (kKind == BinaryKind::Subtract) return a - b;
  if constexpr (kKind == BinaryKind::Multiply) return a * b;
  if constexpr (kKind == BinaryKind::Divide) return a / b;
  if constexpr (kKind == BinaryKind::Maximum) return (a > b) | (a != a) ? a : b;
  if constexpr (kKind == BinaryKind::Minimum) return (a < b) | (a != a) ? a : b;
  if constexpr (kKind == BinaryKind::Equal) return a == b ? one : zero;
  if constexpr (kKind == BinaryKind::Greater) return a > b ? one : zero;
}

// The same problem with axes of extent 1 dropped and neighbours merged wherever both inputs step through them
// as one.
BinaryProblem merged(const BinaryProblem& p) {
  BinaryProblem q;
  q.kind = p.kind;
  for (int axis = 0; axis < p.dims.rank(); ++axis) {
    if (p.dims[axis] == 1) continue;
    const int last = q.dims.rank() - 1;
    if (last >= 0 && q.a_strides[last] == p.a_strides[axis] * p.dims[axis] &&
        q.b_strides[last] == p.b_strides[axis] * p.dims[axis]) {
      q.dims[last] *= p.dims[axis];
      q.a_strides[last] = p.a_strides[axis], q.b_strides[last] = p.b_strides[axis];
    } else {
      q.dims.push_back(p.dims[axis]);
      q.a_strides.push_back(p.a_strides[axis]), q.b_strides.push_back(p.b_strides[axis]);
    }
  }
  if (q.dims.rank() == 0) q.dims = {1}, q.a_strides = {1}, q.b_strides = {1};
  return q;
}

// [rows, channels] where one side has a value for each channel only.
bool per_channel(const BinaryProblem& q) {
  if (q.dims.rank() != 2 || q.a_strides[1] != 1 || q.b_strides[1] != 1) return false;
  const int64_t channels = q.dims[1];
  return (q.a_strides[0] == channels && q.b_strides[0] == 0) ||
         (q.a_strides[0] == 0 && q.b_strides[0] == channels);
}

// A vector of an input that steps by 1, by 0, or by any stride.
template <class Lanes>
Vec load_stride(const float* x, int64_t stride, int64_t i, Lanes lanes) {
  if (stride == 1) return load(x + i, lanes);
  if (stride == 0) return broadcast(*x);
  Vec v{};
  for (int64_t lane = 0; lane < lanes; ++lane) v[lane] = x[(i + lane) * stride];
  return v;
}

size_t binary_workspace(const BinaryProblem& p) {
  const BinaryProblem q = merged(p);
  return per_channel(q) ? Period(q.dims[1]).table_bytes(1) : 0;
}

template <BinaryKind kKind>
void binary_runs_of(const BinaryProblem& q, const Binary<float>& a, KernelContext& context) {
  if (q.dims.rank() == 1) {
    const int64_t as = q.a_strides[0], bs = q.b_strides[0];
    if (as == 1 && bs == 1) {
      return parallel_vectors(context, q.dims[0], [=](int64_t i, auto lanes) {
        store(a.y + i, binary_vector<kKind>(load(a.a + i, lanes), load(a.b + i, lanes)), lanes);
      });
    }
    return parallel_vectors(context, q.dims[0], [=](int64_t i, auto lanes) {
      store(a.y + i, binary_vector<kKind>(load_stride(a.a, as, i, lanes), load_stride(a.b, bs, i, lanes)),
            lanes);
    });
  }
  if (per_channel(q)) {
    const Period period(q.dims[1]);
    const bool a_repeats = q.a_strides[0] == 0;
    const float* whole = a_repeats ? a.b : a.a;
    const float* channel = period.repeat(a_repeats ? a.a : a.b, static_cast<float*>(context.workspace));
    return with_flag(a_repeats, [&](auto a_is_channel) {
      parallel_channel_vectors(context, period, q.dims[0], [=](int64_t i, int64_t j, auto lanes) {
        const Vec each = load(whole + i, lanes), repeated = load(channel + j, lanes);
        store(a.y + i,
              a_is_channel ? binary_vector<kKind>(repeated, each) : binary_vector<kKind>(each, repeated),
              lanes);
      });
    });
  }
  const int last = q.dims.rank() - 1;
  const int64_t run = q.dims[last], as = q.a_strides[last], bs = q.b_strides[last];
  const int64_t grain = std::max<int64_t>(kStreamGrain / run, 1);
  for_ranges(context, q.dims.count() / run, grain, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float *from_a = a.a, *from_b = a.b;
      int64_t rest = row;
      for (int axis = last - 1; axis >= 0; --axis) {
        const int64_t at = rest % q.dims[axis];
        rest /= q.dims[axis];
        from_a += at * q.a_strides[axis];
        from_b += at * q.b_strides[axis];
      }
      for_vectors(0, run, [&](int64_t i, auto lanes) {
        const Vec va = load_stride(from_a, as, i, lanes), vb = load_stride(from_b, bs, i, lanes);
        store(a.y + row * run + i, binary_vector<kKind>(va, vb), lanes);
      });
    }
  });
}

void binary_runs(const BinaryProblem& p, const Binary<float>& a, KernelContext& context) {
  const BinaryProblem q = merged(p);
  with_kind(q.kind, [&](auto kind) { binary_runs_of<kind.value>(q, a, context); });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(unary_forward, UnaryForward, unary_forward_ref,
                       implementation<UnaryForward<float>, &unary_forward_streaming>("streaming"))
LAPIDARY_DEFINE_KERNEL(unary_backward, UnaryBackward, unary_backward_ref,
                       implementation<UnaryBackward<float>, &unary_backward_streaming>("streaming"))
LAPIDARY_DEFINE_KERNEL(binary, Binary, binary_ref,
                       implementation<Binary<float>, &binary_runs, nullptr, &binary_workspace>("runs"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
