// Projected gradient descent (Madry et al., arXiv 1706.06083) in the l_inf or the l_2 ball of each sample, on
// [low, high] pixels: one pass over memory each.
#pragma once

#include "backend.h"

namespace lapidary {

enum class BallNorm : uint8_t { Linf, L2 };
inline const char* const* enum_names(BallNorm) {
  static constexpr const char* kNames[] = {"linf", "l2", nullptr};
  return kNames;
}

struct PgdStartProblem {
  int64_t samples = 1, features = 1;  ///< features: elements of one sample
  float epsilon = 0, low = 0, high = 1;
  int64_t seed = 0, site = 0;
  BallNorm norm = BallNorm::Linf;
  void check() const { check_extents({samples, features}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("samples", self.samples), visit("features", self.features), visit("epsilon", self.epsilon);
    visit("low", self.low), visit("high", self.high), visit("seed", self.seed), visit("site", self.site);
    visit("norm", self.norm);
  }
};

/// y = clamp(x + u, low, high) with u uniform in the ball. Element e of sample i draws from block(key = seed,
/// high = site << 32 | sample_index[i], low = step block's step << 32 | e / 4).
///   linf: u in [-epsilon, epsilon), of word e % 4.
///   l2:   u = epsilon r^(1 / features) z / ||z||; z normal, words 0 and 1 giving elements 0 and 1 of the
///   block
///         (Box and Muller), words 2 and 3 the others; r of word 0 of block step << 32 | 2^32 - 1.
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
  int64_t samples = 1, features = 1;
  float step = 0, epsilon = 0, low = 0, high = 1;
  BallNorm norm = BallNorm::Linf;
  void check() const { check_extents({samples, features}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("samples", self.samples), visit("features", self.features), visit("step", self.step);
    visit("epsilon", self.epsilon), visit("low", self.low), visit("high", self.high);
    visit("norm", self.norm);
  }
};

/// linf: y = clamp(min(max(x_adv + step * sign(g), x - epsilon), x + epsilon), low, high); sign(0) = 0,
/// sign(NaN)
///       = 0.
/// l2:   d = x_adv + step * g / ||g|| - x;  y = clamp(x + d * min(1, epsilon / ||d||), low, high), norms over
///       each sample. A sample whose gradient is 0 or not finite does not move. The clamp comes after the
///       projection, as usual: it only shortens d where x lies within the box.
template <class T>
struct PgdStep {
  using Problem = PgdStepProblem;
  const T* x_adv;
  const T* gradient;
  const T* x;
  T* y;
  static Operands operands(const Problem& p) {
    const int64_t all = p.samples * p.features;
    return {in("x_adv", all), in("gradient", all), in("x", all), out("y", all)};
  }
};

}  // namespace lapidary
