// Directed rounding of host arithmetic: the processor's own rounding mode, set for as long as an object
// lives.
//
// Files that use it are compiled with -frounding-math, so that the compiler neither folds nor moves what
// depends on it.
#pragma once

#include <cfenv>

#include "../machine/encoder.h"
#include "float16.h"

namespace softgpu {

class RoundingMode {
 public:
  explicit RoundingMode(Rounding rounding) : before_(std::fegetround()) {
    const int mode = rounding == Rounding::toward_zero ? FE_TOWARDZERO
                     : rounding == Rounding::down      ? FE_DOWNWARD
                     : rounding == Rounding::up        ? FE_UPWARD
                                                       : FE_TONEAREST;
    changed_ = mode != before_;
    if (changed_) std::fesetround(mode);
  }
  ~RoundingMode() {
    if (changed_) std::fesetround(before_);
  }
  RoundingMode(const RoundingMode&) = delete;
  RoundingMode& operator=(const RoundingMode&) = delete;

 private:
  int before_;
  bool changed_;
};

/// A value that the compiler must have at hand here: keeps arithmetic between the two changes of the rounding
/// mode, across which g++ would otherwise move it.
template <class T>
T kept(T value) {
  asm volatile("" : "+m"(value));
  return value;
}

/// .rn, .rz, .rm, .rp or none (nearest).
inline Rounding rounding_of(const Encoder& e) {
  if (e.has("rz") || e.has("rzi")) return Rounding::toward_zero;
  if (e.has("rm") || e.has("rmi")) return Rounding::down;
  if (e.has("rp") || e.has("rpi")) return Rounding::up;
  if (e.has("rna")) return Rounding::nearest_away;
  return Rounding::nearest_even;
}

}  // namespace softgpu
