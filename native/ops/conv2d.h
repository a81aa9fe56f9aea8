// 2-D convolution: NHWC activations, KRSC filters, NPQK outputs; three directions.
//
// Prologue (fprop and wgrad): the input that is convolved is  act(x * in_scale[c] + in_shift[c]);  zero
// padding is applied after it. Epilogue (fprop):  y = act(conv * out_scale[k] + bias[k] + residual),
// statistics of conv's output per channel k. Epilogue (dgrad):  dx = (gradient + addend), 0 where the ReLU
// that x came out of was shut.
#pragma once

#include <limits>

#include "backend.h"
#include "ops/rectifier.h"

namespace lapidary {

enum class Prologue : uint8_t { None, Affine, AffineRelu };
inline const char* const* enum_names(Prologue) {
  static constexpr const char* kNames[] = {"none", "affine", "affine_relu", nullptr};
  return kNames;
}

struct Conv2dProblem {
  int64_t n = 1, h = 1, w = 1, c = 1, k = 1, r = 1, s = 1;
  int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1, groups = 1;
  Prologue prologue = Prologue::None;
  bool scale = false, bias = false, relu = false, residual = false, statistics = false;
  bool relu6 = false;                ///< ReLU cut off at 6, in relu's place
  bool addend = false;               ///< of dgrad: gradients of x from elsewhere are added
  Rectifier mask = Rectifier::None;  ///< of dgrad: what x came out of; its stored output masks dx
  /// Elements between neighbouring pixels of x and of y; 0: dense (c and k). Lets fused ops write concat in
  /// place.
  int64_t x_stride = 0, y_stride = 0;
  /// Precision 'strict': no algorithm whose error exceeds that of a plain sum, so no Winograd F(4x4, 3x3).
  bool strict = false;

  int64_t p() const noexcept { return (h + 2 * pad_h - dilation_h * (r - 1) - 1) / stride_h + 1; }
  int64_t q() const noexcept { return (w + 2 * pad_w - dilation_w * (s - 1) - 1) / stride_w + 1; }
  int64_t x_pixel() const noexcept { return x_stride ? x_stride : c; }
  int64_t y_pixel() const noexcept { return y_stride ? y_stride : k; }
  int64_t x_count() const noexcept { return (n * h * w - 1) * x_pixel() + c; }
  int64_t y_count() const noexcept { return (n * p() * q() - 1) * y_pixel() + k; }
  int64_t filter_count() const noexcept { return k * r * s * (c / groups); }
  /// Whether fprop changes what it stores: all of the epilogue but the statistics.
  bool changes_output() const noexcept { return scale || bias || relu || relu6 || residual; }
  /// The activation of the epilogue is min(max(y, 0), ceiling()), if it has any.
  bool rectifies() const noexcept { return relu || relu6; }
  float ceiling() const noexcept { return relu6 ? 6.0f : std::numeric_limits<float>::infinity(); }
  /// Without any epilogue.
  Conv2dProblem without_epilogue() const {
    Conv2dProblem plain = *this;
    plain.scale = plain.bias = plain.relu = plain.relu6 = plain.residual = plain.statistics = false;
    plain.addend = false, plain.mask = Rectifier::None;
    return plain;
  }
  /// What the packed forms of one filter depend on.
  Dims filter_extents() const { return {groups, k / groups, r, s, c / groups}; }
  int64_t macs() const noexcept { return n * p() * q() * k * r * s * (c / groups); }
  /// Of any direction, without prologue and epilogue.
  double flops() const noexcept { return 2.0 * static_cast<double>(macs()); }
  /// Throws ERR_ARGUMENT / ERR_SHAPE when no convolution has these numbers.
  void check() const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("N", self.n), visit("H", self.h), visit("W", self.w), visit("C", self.c), visit("K", self.k),
        visit("R", self.r);
    visit("S", self.s), visit("stride_h", self.stride_h), visit("stride_w", self.stride_w),
        visit("pad_h", self.pad_h);
    visit("pad_w", self.pad_w), visit("dilation_h", self.dilation_h), visit("dilation_w", self.dilation_w);
    visit("groups", self.groups), visit("prologue", self.prologue), visit("scale", self.scale);
    visit("bias", self.bias), visit("relu", self.relu), visit("relu6", self.relu6);
    visit("residual", self.residual), visit("statistics", self.statistics), visit("addend", self.addend);
    visit("mask", self.mask), visit("x_stride", self.x_stride), visit("y_stride", self.y_stride);
    visit("strict", self.strict);
  }
};

template <class T>
struct Conv2dFprop {
  using Problem = Conv2dProblem;
  const T* x;
  const T* filter;
  const T* in_scale;
  const T* in_shift;
  const T* out_scale;
  const T* bias;
  const T* residual;
  T* y;
  T* mean;      ///< of conv's output over n, p, q; statistics stand alone in the epilogue
  T* variance;  ///< biased
  static Operands operands(const Problem& p) {
    const int64_t affine = p.prologue == Prologue::None ? 0 : p.c;
    return {in("x", p.x_count()),
            in("filter", p.filter_count()),
            in("in_scale", affine),
            in("in_shift", affine),
            in("out_scale", p.scale ? p.k : 0),
            in("bias", p.bias ? p.k : 0),
            in("residual", p.residual ? p.n * p.p() * p.q() * p.k : 0),
            out("y", p.y_count()),
            out("mean", p.statistics ? p.k : 0),
            out("variance", p.statistics ? p.k : 0)};
  }
};

/// dx = gradient with respect to the convolved (post-prologue) input, with dgrad's epilogue. Ignores the
/// prologue and the epilogue of fprop.
template <class T>
struct Conv2dDgrad {
  using Problem = Conv2dProblem;
  const T* dy;
  const T* filter;
  const T* addend;     ///< like dx
  const T* rectified;  ///< what the ReLU gave, like dx
  T* dx;
  static Operands operands(const Problem& p) {
    return {in("dy", p.y_count()), in("filter", p.filter_count()), in("addend", p.addend ? p.x_count() : 0),
            in("rectified", p.mask == Rectifier::None ? 0 : p.x_count()), out("dx", p.x_count())};
  }
};

/// dfilter from the convolved input (the prologue is applied to x again) and dy. The number of partial sums
/// is a function of the problem; they are added in a fixed order.
template <class T>
struct Conv2dWgrad {
  using Problem = Conv2dProblem;
  const T* x;
  const T* in_scale;
  const T* in_shift;
  const T* dy;
  T* dfilter;
  static Operands operands(const Problem& p) {
    const int64_t affine = p.prologue == Prologue::None ? 0 : p.c;
    return {in("x", p.x_count()), in("in_scale", affine), in("in_shift", affine), in("dy", p.y_count()),
            out("dfilter", p.filter_count())};
  }
};

}  // namespace lapidary
