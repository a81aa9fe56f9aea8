// Reductions over one axis group of [outer, extent, inner]; several axes are reduced one group after the
// other.
#pragma once

#include "backend.h"

namespace lapidary {

enum class Reduction : uint8_t { Sum, Mean, Max, Min, ArgMax };
inline const char* const* enum_names(Reduction) {
  static constexpr const char* kNames[] = {"sum", "mean", "max", "min", "argmax", nullptr};
  return kNames;
}

struct ReduceProblem {
  int64_t outer = 1, extent = 1, inner = 1;
  Reduction kind = Reduction::Sum;
  void check() const { check_extents({outer, extent, inner}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("outer", self.outer), visit("extent", self.extent), visit("inner", self.inner),
        visit("kind", self.kind);
  }
};

/// y[outer, inner]; argmax writes the first largest position to `index` instead.
template <class T>
struct ReduceForward {
  using Problem = ReduceProblem;
  const T* x;
  T* y;
  int32_t* index;
  static Operands operands(const Problem& p) {
    const bool arg = p.kind == Reduction::ArgMax;
    const int64_t count = p.outer * p.inner;
    return {in("x", p.outer * p.extent * p.inner), out("y", arg ? 0 : count),
            out("index", arg ? count : 0, DType::I32)};
  }
};

/// max and min: dy is divided evenly among the ties, as torch.amax does.
template <class T>
struct ReduceExtremeBackward {
  using Problem = ReduceProblem;
  const T* x;
  const T* y;
  const T* dy;
  T* dx;
  static Operands operands(const Problem& p) {
    const int64_t all = p.outer * p.extent * p.inner, count = p.outer * p.inner;
    return {in("x", all), in("y", count), in("dy", count), out("dx", all)};
  }
};

}  // namespace lapidary
