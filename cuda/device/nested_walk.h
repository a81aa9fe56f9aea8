// A walk through three nested extents in equal steps, without divisions on the way: (image, row, column) of
// pixels, (r, s, channel) of the sum of a convolution.
#pragma once

#include <cstdint>

struct NestedPosition {
  int32_t outer, middle, inner;
};

/// Computed on the host: the inner two extents, and the step between neighbours of the walk in their digits.
struct NestedWalk {
  int32_t middle, inner;
  NestedPosition step;

  constexpr NestedWalk(int64_t middle_extent, int64_t inner_extent, int64_t stride)
      : middle(static_cast<int32_t>(middle_extent)),
        inner(static_cast<int32_t>(inner_extent)),
        step(at(stride)) {}

  constexpr NestedPosition at(int64_t index) const {
    const int64_t rest = index / inner;
    return {static_cast<int32_t>(rest / middle), static_cast<int32_t>(rest % middle),
            static_cast<int32_t>(index % inner)};
  }

  constexpr void advance(NestedPosition& position) const {
    position.inner += step.inner;
    if (position.inner >= inner) position.inner -= inner, ++position.middle;
    position.middle += step.middle;
    if (position.middle >= middle) position.middle -= middle, ++position.outer;
    position.outer += step.outer;
  }
};
