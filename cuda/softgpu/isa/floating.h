// What floating.cpp and floating_rounded.cpp share: flushing, saturation, NaN, the four operations.
#pragma once

#include <bit>
#include <cmath>
#include <string_view>

#include "../machine/warp.h"
#include "float32.h"
#include "rounding.h"

namespace softgpu {

/// Handlers of add, sub, mul, div, fma with a directed rounding, .ftz or .sat (Op::immediate: Rounding,
/// Op::flags); nullptr for other opcodes.
Handler rounded_handler(std::string_view opcode, bool single);

namespace floating {

enum Flag : std::uint8_t { kFlush = 1, kSaturate = 2, kNan = 4, kXorSign = 8 };

/// [0, 1], NaN to +0.
template <class T>
T saturate(T value) {
  return value > T{0} ? (value < T{1} ? value : T{1}) : T{0};
}

struct Add {
  template <class T>
  static T apply(T a, T b) {
    return a + b;
  }
};
struct Subtract {
  template <class T>
  static T apply(T a, T b) {
    return a - b;
  }
};
struct Multiply {
  template <class T>
  static T apply(T a, T b) {
    return a * b;
  }
};
struct Divide {
  template <class T>
  static T apply(T a, T b) {
    return a / b;
  }
};

}  // namespace floating

}  // namespace softgpu
