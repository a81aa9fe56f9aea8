// dgrad's epilogue: what is done to a vector of dx before it is stored. Instead of a pass of its own over
// three tensors, the sum with gradients from elsewhere and the mask of the ReLU before cost one read each.
#pragma once

#include "cpu/kernels/vectors.h"
#include "ops/conv2d.h"

namespace lapidary::cpu::LAPIDARY_ISA {

struct GradientEpilogue {
  const float* dx;                   ///< where the tensors below have their first elements, too
  const float* addend = nullptr;     ///< null: nothing is added
  const float* rectified = nullptr;  ///< null: nothing is masked
  float greatest_open;               ///< of `rectified`

  GradientEpilogue(const Conv2dProblem& p, const Conv2dDgrad<float>& a)
      : dx(a.dx),
        addend(p.addend ? a.addend : nullptr),
        rectified(p.mask == Rectifier::None ? nullptr : a.rectified),
        greatest_open(lapidary::greatest_open(p.mask)) {}

  bool empty() const { return !addend && !rectified; }

  /// `gradient` as it is to be stored at `to`.
  template <class Lanes>
  [[gnu::always_inline]] Vec finished(Vec gradient, const float* to, Lanes lanes) const {
    const int64_t at = to - dx;
    if (addend) gradient += load(addend + at, lanes);
    if (!rectified) return gradient;
    const Vec output = load(rectified + at, lanes);
    return (output <= 0.0f) | (output > greatest_open) ? Vec{} : gradient;
  }
};

}  // namespace lapidary::cpu::LAPIDARY_ISA
