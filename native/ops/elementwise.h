// The element-wise kind family: unary (with backward) and binary with broadcasting.
#pragma once

#include "backend.h"

namespace lapidary {

enum class Unary : uint8_t {
  Relu,
  Relu6,
  Sigmoid,
  Tanh,
  Exp,
  Log,
  Sqrt,
  Square,
  Abs,
  Negate,
  Sign,
  Reciprocal,
  Affine,
  Clamp,
  Step,
  Silu,
  HardSwish,
  HardSigmoid,
  Elu,
  LeakyRelu,
  Gelu,
  GeluTanh
};
/// affine: p0 * x + p1; clamp: to [p0, p1]; step: 1 where x > 0, else 0 (no gradient; so has sign); elu: p0
/// is alpha; leaky_relu: p0 is the slope below 0; gelu: x Phi(x); gelu_tanh: its approximation by tanh.
inline const char* const* enum_names(Unary) {
  static constexpr const char* kNames[] = {
      "relu",       "relu6",        "sigmoid", "tanh",       "exp",    "log",       "sqrt", "square",
      "abs",        "negate",       "sign",    "reciprocal", "affine", "clamp",     "step", "silu",
      "hard_swish", "hard_sigmoid", "elu",     "leaky_relu", "gelu",   "gelu_tanh", nullptr};
  return kNames;
}

struct UnaryProblem {
  int64_t count = 1;
  Unary kind = Unary::Relu;
  float p0 = 0, p1 = 0;
  void check() const { check_extents({count}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("count", self.count), visit("kind", self.kind), visit("p0", self.p0), visit("p1", self.p1);
  }
};

/// Whether backward reads the forward output (relu, sigmoid, tanh, exp, sqrt, reciprocal) rather than the
/// input. ReLU could do with either; what reads its output mostly saves that too, so its input can go.
constexpr bool unary_saves_output(Unary kind) {
  return kind == Unary::Relu || kind == Unary::Sigmoid || kind == Unary::Tanh || kind == Unary::Exp ||
         kind == Unary::Sqrt || kind == Unary::Reciprocal;
}

template <class T>
struct UnaryForward {
  using Problem = UnaryProblem;
  const T* x;
  T* y;
  static Operands operands(const Problem& p) { return {in("x", p.count), out("y", p.count)}; }
};

/// dx = dy * f'(saved), where saved is y for unary_saves_output kinds, else x. Gradients at kinks as PyTorch:
/// relu'(0) = 0, relu6' is 1 on (0, 6) only, clamp' is 1 on [p0, p1], abs'(0) = 0, hard_swish'(-3) = 0,
/// hard_swish'(3) = 1, hard_sigmoid' is 1/6 on (-3, 3) only, elu'(0) = alpha, leaky_relu'(0) = the slope.
template <class T>
struct UnaryBackward {
  using Problem = UnaryProblem;
  const T* saved;
  const T* dy;
  T* dx;
  static Operands operands(const Problem& p) {
    return {in("saved", p.count), in("dy", p.count), out("dx", p.count)};
  }
};

enum class BinaryKind : uint8_t { Add, Subtract, Multiply, Divide, Maximum, Minimum, Equal, Greater };
inline const char* const* enum_names(BinaryKind) {
  static constexpr const char* kNames[] = {"add",     "subtract", "multiply", "divide", "maximum",
                                           "minimum", "equal",    "greater",  nullptr};
  return kNames;
}

struct BinaryProblem {
  BinaryKind kind = BinaryKind::Add;
  Dims dims, a_strides, b_strides;  ///< output extents; input strides in elements, 0 along a broadcast axis

  int64_t reach(const Dims& strides) const noexcept {
    int64_t last = 0;
    for (int axis = 0; axis < dims.rank(); ++axis) last += (dims[axis] - 1) * strides[axis];
    return last + 1;
  }
  void check() const {
    check_reach(dims, a_strides, 0, kMostElements);
    check_reach(dims, b_strides, 0, kMostElements);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("kind", self.kind), visit("dims", self.dims), visit("a_strides", self.a_strides),
        visit("b_strides", self.b_strides);
  }
};

/// y = a kind b over dims; equal and greater give 1 or 0.
template <class T>
struct Binary {
  using Problem = BinaryProblem;
  const T* a;
  const T* b;
  T* y;
  static Operands operands(const Problem& p) {
    return {in("a", p.reach(p.a_strides)), in("b", p.reach(p.b_strides)), out("y", p.dims.count())};
  }
};

}  // namespace lapidary
