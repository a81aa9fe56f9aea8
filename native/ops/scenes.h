// The scenes data set, drawn by tasks of the stream.
#pragma once

#include "backend.h"

namespace lapidary {

struct DrawScenesProblem {
  int64_t n = 1, seed = 0, first = 0;  ///< draws samples first .. first + n - 1
  void check() const {
    check_extents({n, 256, 256, 3});
    check_range("first", first, 0, int64_t{1} << 53);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("N", self.n), visit("seed", self.seed), visit("first", self.first);
  }
};

/// 256x256 RGB images and labels of data/scenes.h.
template <class T>
struct DrawScenes {
  using Problem = DrawScenesProblem;
  uint8_t* images;
  int32_t* labels;
  static Operands operands(const Problem& p) {
    return {out("images", p.n * 256 * 256 * 3, DType::U8), out("labels", p.n, DType::I32)};
  }
};

}  // namespace lapidary
