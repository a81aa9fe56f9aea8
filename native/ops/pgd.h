// Projected gradient descent (Madry et al., arXiv 1706.06083) in the l_inf ball, on [low, high] pixels: one
// pass each.
#pragma once

#include "backend.h"

namespace lapidary {

struct PgdStartProblem {
  int64_t samples = 1, features = 1;  ///< features: elements of one sample
  float epsilon = 0, low = 0, high = 1;
  int64_t seed = 0, site = 0;
  void check() const { check_extents({samples, features}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("samples", self.samples), visit("features", self.features), visit("epsilon", self.epsilon);
    visit("low", self.low), visit("high", self.high), visit("seed", self.seed), visit("site", self.site);
  }
};

/// y = clamp(x + u, low, high), u uniform in [-epsilon, epsilon): element e of sample i takes word e % 4 of
/// block(key = seed, high = site << 32 | sample_index[i], low = step block's step << 32 | e / 4).
template <class T>
struct PgdStart {
  using Problem = PgdStartProblem;
  const T* x;
  const int32_t* sample_index;  ///< global index of each sample, so its noise does not depend on its batch
  T* y;
  static Operands operands(const Problem& p) {
    const int64_t all = p.samples * p.features;
    return {in("x", all), in("sample_index", p.samples, DType::I32), out("y", all)};
  }
};

struct PgdStepProblem {
  int64_t count = 1;
  float step = 0, epsilon = 0, low = 0, high = 1;
  void check() const { check_extents({count}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("count", self.count), visit("step", self.step), visit("epsilon", self.epsilon),
        visit("low", self.low);
    visit("high", self.high);
  }
};

/// y = clamp(min(max(x_adv + step * sign(g), x - epsilon), x + epsilon), low, high); sign(0) = 0, sign(NaN) =
/// 0.
template <class T>
struct PgdStep {
  using Problem = PgdStepProblem;
  const T* x_adv;
  const T* gradient;
  const T* x;
  T* y;
  static Operands operands(const Problem& p) {
    return {in("x_adv", p.count), in("gradient", p.count), in("x", p.count), out("y", p.count)};
  }
};

}  // namespace lapidary
