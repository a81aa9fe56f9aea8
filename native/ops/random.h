// Random fills and dropout. Element e of a fill takes word (e % 4) of Philox block (high = stream, low = e /
// 4) under `seed`; normals take Box-Muller of words (0,1) and (2,3): r = sqrt(-2 ln(1 - u0)), (r cos 2 pi u1,
// r sin 2 pi u1).
#pragma once

#include "backend.h"

namespace lapidary {

enum class Distribution : uint8_t { Uniform, Normal };
inline const char* const* enum_names(Distribution) {
  static constexpr const char* kNames[] = {"uniform", "normal", nullptr};
  return kNames;
}

struct RandomFillProblem {
  int64_t count = 1;
  Distribution kind = Distribution::Uniform;
  float p0 = 0, p1 = 1;  ///< uniform: [p0, p1); normal: mean p0, deviation p1
  int64_t seed = 0, stream = 0;
  void check() const { check_extents({count}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("count", self.count), visit("kind", self.kind), visit("p0", self.p0), visit("p1", self.p1);
    visit("seed", self.seed), visit("stream", self.stream);
  }
};

template <class T>
struct RandomFill {
  using Problem = RandomFillProblem;
  T* y;
  static Operands operands(const Problem& p) { return {out("y", p.count)}; }
};

struct DropoutProblem {
  int64_t count = 1;
  float rate = 0.5f;  ///< probability that an element becomes 0; the others are multiplied by 1 / (1 - rate)
  int64_t seed = 0, site = 0;
  void check() const { check_extents({count}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("count", self.count), visit("rate", self.rate), visit("seed", self.seed), visit("site", self.site);
  }
};

/// Element e is kept when uniform(word e % 4 of block(key = seed, high = site << 32 | step block's step, low
/// = e / 4)) >= rate.
template <class T>
struct Dropout {
  using Problem = DropoutProblem;
  const T* x;
  T* y;
  T* mask;  ///< 0 or 1 / (1 - rate): backward multiplies by it
  static Operands operands(const Problem& p) {
    return {in("x", p.count), out("y", p.count), out("mask", p.count)};
  }
};

}  // namespace lapidary
