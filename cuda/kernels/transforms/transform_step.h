// A step of a chain of transforms in the parameters of a kernel.
#pragma once

#include "data/transforms.h"

/// data::Step in few bytes: parameters of a kernel have 4 KB.
struct TransformStep {
  int32_t kind, a, b, c, d, in_h, in_w, out_h, out_w;

  TransformStep() = default;
  explicit TransformStep(const lapidary::data::Step& step)
      : kind(static_cast<int32_t>(step.kind)),
        a(static_cast<int32_t>(step.a)),
        b(static_cast<int32_t>(step.b)),
        c(static_cast<int32_t>(step.c)),
        d(static_cast<int32_t>(step.d)),
        in_h(static_cast<int32_t>(step.in_h)),
        in_w(static_cast<int32_t>(step.in_w)),
        out_h(static_cast<int32_t>(step.out_h)),
        out_w(static_cast<int32_t>(step.out_w)) {}
#ifdef __CUDACC__
  __device__ lapidary::data::Step widened() const {
    return {static_cast<lapidary::data::TransformKind>(kind), a, b, c, d, in_h, in_w, out_h, out_w};
  }
#endif
};
