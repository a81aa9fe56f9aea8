// Max and average pooling over NHWC.
#pragma once

#include "backend.h"

namespace lapidary {

enum class PoolKind : uint8_t { Max, Average };
inline const char* const* enum_names(PoolKind) {
  static constexpr const char* kNames[] = {"max", "average", nullptr};
  return kNames;
}

struct PoolProblem {
  int64_t n = 1, h = 1, w = 1, c = 1, r = 1, s = 1, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0;
  PoolKind kind = PoolKind::Max;
  bool count_padding =
      true;  ///< average: divide by r * s always (PyTorch's count_include_pad); else by the valid taps

  int64_t p() const noexcept { return (h + 2 * pad_h - r) / stride_h + 1; }
  int64_t q() const noexcept { return (w + 2 * pad_w - s) / stride_w + 1; }
  int64_t x_count() const noexcept { return n * h * w * c; }
  int64_t y_count() const noexcept { return n * p() * q() * c; }

  void check() const;  ///< as Conv2dProblem::check
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("N", self.n), visit("H", self.h), visit("W", self.w), visit("C", self.c), visit("R", self.r),
        visit("S", self.s);
    visit("stride_h", self.stride_h), visit("stride_w", self.stride_w), visit("pad_h", self.pad_h);
    visit("pad_w", self.pad_w), visit("kind", self.kind), visit("count_padding", self.count_padding);
  }
};

template <class T>
struct PoolFprop {
  using Problem = PoolProblem;
  const T* x;
  T* y;
  int32_t* index;  ///< max: h * W + w of the first largest element of each window (NaN wins, as in PyTorch)
  static Operands operands(const Problem& p) {
    return {in("x", p.x_count()), out("y", p.y_count()),
            out("index", p.kind == PoolKind::Max ? p.y_count() : 0, DType::I32)};
  }
};

template <class T>
struct PoolDgrad {
  using Problem = PoolProblem;
  const T* dy;
  const int32_t* index;
  T* dx;
  static Operands operands(const Problem& p) {
    return {in("dy", p.y_count()), in("index", p.kind == PoolKind::Max ? p.y_count() : 0, DType::I32),
            out("dx", p.x_count())};
  }
};

}  // namespace lapidary
