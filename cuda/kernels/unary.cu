// unary: y = f(x), and dx = dy * f'(saved), for the kinds of ops/elementwise.h.
//
// Variants: one kernel a kind. A thread takes 4 neighbouring elements by 16-byte accesses; the last thread
// the rest. exp, log, tanh and the normal distribution are those of CUDA's library in f32 (a few units in the
// last place), no approximate instruction. Bytes: forward 8 count, backward 12 count. FLOPs: 1 an element,
// exp-like kinds some 20, gelu 40. Roofline: memory. Bench: lapidary bench --device cuda --kernel
// unary_forward --problem "count=2097152 kind=relu"
#include "device/clamp.cuh"
#include "device/float4.cuh"
#include "kernels/unary.h"
#include "ops/elementwise.h"

using lapidary::Unary;

namespace {

constexpr float kInverseSqrtTwoPi = 0.39894228f;  // 1 / sqrt(2 pi)
// gelu_tanh: 0.5 x (1 + tanh(kGeluScale (x + kGeluCube x^3))), Hendrycks and Gimpel, arXiv 1606.08415.
constexpr float kGeluScale = 0.79788456f;  // sqrt(2 / pi)
constexpr float kGeluCube = 0.044715f;

__device__ float relu6(float x) { return clamp(x, 0, 6); }
__device__ float sign(float x) { return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f; }
__device__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }
// (1 + tanh(...)) / 2 of gelu_tanh.
__device__ float gelu_gate(float x) { return sigmoid(2 * kGeluScale * x * (1 + kGeluCube * x * x)); }

template <Unary kKind>
__device__ float unary(float x, float p0, float p1) {
  if constexpr (kKind == Unary::Relu) return x < 0 ? 0 : x;
  if constexpr (kKind == Unary::Relu6) return relu6(x);
  if constexpr (kKind == Unary::Sigmoid) return sigmoid(x);
  if constexpr (kKind == Unary::Tanh) return tanhf(x);
  if constexpr (kKind == Unary::Exp) return expf(x);
  if constexpr (kKind == Unary::Log) return logf(x);
  if constexpr (kKind == Unary::Sqrt) return sqrtf(x);
  if constexpr (kKind == Unary::Square) return x * x;
  if constexpr (kKind == Unary::Abs) return fabsf(x);
  if constexpr (kKind == Unary::Negate) return -x;
  if constexpr (kKind == Unary::Sign) return sign(x);
  if constexpr (kKind == Unary::Reciprocal) return 1 / x;
  if constexpr (kKind == Unary::Affine) return p0 * x + p1;
  if constexpr (kKind == Unary::Clamp) return clamp(x, p0, p1);
  if constexpr (kKind == Unary::Step) return x > 0 ? 1 : 0;
  if constexpr (kKind == Unary::Silu) return x / (1 + expf(-x));
  if constexpr (kKind == Unary::HardSwish) return x * relu6(x + 3) * (1.0f / 6);
  if constexpr (kKind == Unary::HardSigmoid) return relu6(x + 3) * (1.0f / 6);
  if constexpr (kKind == Unary::Elu) return x > 0 ? x : p0 * expm1f(x);
  if constexpr (kKind == Unary::LeakyRelu) return x > 0 ? x : p0 * x;
  if constexpr (kKind == Unary::Gelu) return x * normcdff(x);
  if constexpr (kKind == Unary::GeluTanh) return x * gelu_gate(x);
}

template <Unary kKind>
__device__ float unary_gradient(float saved, float dy, float p0, float p1) {
  if constexpr (kKind == Unary::Relu) return saved <= 0 ? 0 : dy;
  if constexpr (kKind == Unary::Relu6) return saved <= 0 || saved >= 6 ? 0 : dy;
  if constexpr (kKind == Unary::Sigmoid) return dy * saved * (1 - saved);
  if constexpr (kKind == Unary::Tanh) return dy * (1 - saved * saved);
  if constexpr (kKind == Unary::Exp) return dy * saved;
  if constexpr (kKind == Unary::Log) return dy / saved;
  if constexpr (kKind == Unary::Sqrt) return dy / (2 * saved);
  if constexpr (kKind == Unary::Square) return 2 * saved * dy;
  if constexpr (kKind == Unary::Abs) return dy * sign(saved);
  if constexpr (kKind == Unary::Negate) return -dy;
  if constexpr (kKind == Unary::Reciprocal) return -dy * saved * saved;
  if constexpr (kKind == Unary::Affine) return p0 * dy;
  if constexpr (kKind == Unary::Clamp) return saved >= p0 && saved <= p1 ? dy : 0;
  if constexpr (kKind == Unary::Silu) {
    const float s = sigmoid(saved);
    return dy * s * (1 + saved * (1 - s));
  }
  if constexpr (kKind == Unary::HardSwish)
    return saved <= -3 ? 0 : saved < 3 ? dy * (saved * (1.0f / 3) + 0.5f) : dy;
  if constexpr (kKind == Unary::HardSigmoid) return saved > -3 && saved < 3 ? dy * (1.0f / 6) : 0;
  if constexpr (kKind == Unary::Elu) return saved > 0 ? dy : dy * p0 * expf(saved);
  if constexpr (kKind == Unary::LeakyRelu) return saved > 0 ? dy : dy * p0;
  if constexpr (kKind == Unary::Gelu)
    return dy * (normcdff(saved) + saved * kInverseSqrtTwoPi * expf(-0.5f * saved * saved));
  if constexpr (kKind == Unary::GeluTanh) {
    // With the gate s = (1 + t) / 2: 1 - t^2 = 4 s (1 - s).
    const float s = gelu_gate(saved);
    return dy * s * (1 + saved * (1 - s) * (2 * kGeluScale) * (1 + 3 * kGeluCube * saved * saved));
  }
  if constexpr (kKind == Unary::Sign || kKind == Unary::Step) return 0;
}

template <Unary kKind>
__device__ void forward(const UnaryForwardParameters& p) {
  const auto function = [&p](float x) { return unary<kKind>(x, p.p0, p.p1); };
  const int64_t first = first_of_four();
  if (first + 4 <= p.count) {
    store4(p.y + first, map4(load4(p.x + first), function));
  } else {
    for (int64_t i = first; i < p.count; ++i) p.y[i] = function(p.x[i]);
  }
}

template <Unary kKind>
__device__ void backward(const UnaryBackwardParameters& p) {
  const auto gradient = [&p](float saved, float dy) { return unary_gradient<kKind>(saved, dy, p.p0, p.p1); };
  const int64_t first = first_of_four();
  if (first + 4 <= p.count) {
    store4(p.dx + first, map4(load4(p.saved + first), load4(p.dy + first), gradient));
  } else {
    for (int64_t i = first; i < p.count; ++i) p.dx[i] = gradient(p.saved[i], p.dy[i]);
  }
}

}  // namespace

#define UNARY(name, kind)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256) unary_forward_##name(const UnaryForwardParameters p) {   \
    forward<Unary::kind>(p);                                                                                 \
  }                                                                                                          \
  extern "C" __global__ void __launch_bounds__(256) unary_backward_##name(const UnaryBackwardParameters p) { \
    backward<Unary::kind>(p);                                                                                \
  }

UNARY(relu, Relu)
UNARY(relu6, Relu6)
UNARY(sigmoid, Sigmoid)
UNARY(tanh, Tanh)
UNARY(exp, Exp)
UNARY(log, Log)
UNARY(sqrt, Sqrt)
UNARY(square, Square)
UNARY(abs, Abs)
UNARY(negate, Negate)
UNARY(sign, Sign)
UNARY(reciprocal, Reciprocal)
UNARY(affine, Affine)
UNARY(clamp, Clamp)
UNARY(step, Step)
UNARY(silu, Silu)
UNARY(hard_swish, HardSwish)
UNARY(hard_sigmoid, HardSigmoid)
UNARY(elu, Elu)
UNARY(leaky_relu, LeakyRelu)
UNARY(gelu, Gelu)
UNARY(gelu_tanh, GeluTanh)
