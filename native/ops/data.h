// Batches as stream tasks: augmentation of u8 images that live on the device, and the data set the package
// draws.
#pragma once

#include "backend.h"

namespace lapidary {

struct AugmentProblem {
  int64_t n = 1, h = 32, w = 32, c = 3;
  int64_t images = 1;  ///< images in the data set
  bool train = false;  ///< false: no random part
  int64_t pad = 0;     ///< random crop: zero padding around, offsets uniform in 0..2 pad
  bool flip = false;   ///< horizontal, with probability 1/2
  int64_t cutout = 0;  ///< side of a square set to 0, centred anywhere and cut at the border; 0: none
  int64_t seed = 0;
  void check() const {
    check_extents({n, h, w, c});
    check_extents({images, h, w, c});
    check_range("pad", pad, 0, 4096);
    check_range("cutout", cutout, 0, 4096);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("N", self.n), visit("H", self.h), visit("W", self.w), visit("C", self.c),
        visit("images", self.images);
    visit("train", self.train), visit("pad", self.pad), visit("flip", self.flip),
        visit("cutout", self.cutout);
    visit("seed", self.seed);
  }
};

/// y = augmented image / 255, f32 in [0, 1]. The view of image i depends on (seed, step block's epoch, i)
/// only: block(key = seed, high = epoch, low = i): word 0 % (2 pad + 1) -> row offset, word 1 % (2 pad + 1)
/// -> column offset, word 2 & 1 -> flip, word 3: low half % H -> cutout centre row, high half % W -> cutout
/// centre column. Order: crop, then flip, then cutout. An index outside 0..images-1 faults with ERR_INDEX.
template <class T>
struct Augment {
  using Problem = AugmentProblem;
  const uint8_t* images;
  const int32_t* index;
  T* y;
  static Operands operands(const Problem& p) {
    const int64_t pixels = p.h * p.w * p.c;
    return {in("images", p.images * pixels, DType::U8), in("index", p.n, DType::I32), out("y", p.n * pixels)};
  }
};

struct DrawShapes10Problem {
  int64_t n = 1, seed = 0, first = 0;  ///< draws samples first .. first + n - 1
  void check() const {
    check_extents({n, 32, 32, 3});
    check_range("first", first, 0, int64_t{1} << 53);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("N", self.n), visit("seed", self.seed), visit("first", self.first);
  }
};

/// 32x32 RGB images and labels of data/shapes10.h.
template <class T>
struct DrawShapes10 {
  using Problem = DrawShapes10Problem;
  uint8_t* images;
  int32_t* labels;
  static Operands operands(const Problem& p) {
    return {out("images", p.n * 32 * 32 * 3, DType::U8), out("labels", p.n, DType::I32)};
  }
};

}  // namespace lapidary
