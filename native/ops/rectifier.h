// The ReLU that a stored value went through, which tells where a gradient gets through: where the value is
// above 0, and, for ReLU6, below 6.
#pragma once

#include <cstdint>
#include <limits>

namespace lapidary {

enum class Rectifier : uint8_t { None, Relu, Relu6 };
inline const char* const* enum_names(Rectifier) {
  static constexpr const char* kNames[] = {"none", "relu", "relu6", nullptr};
  return kNames;
}

/// The greatest finite or infinite output that lets a gradient through.
inline constexpr float greatest_open(Rectifier rectifier) {
  return rectifier == Rectifier::Relu6 ? 0x1.7ffffep+2f : std::numeric_limits<float>::infinity();
}

}  // namespace lapidary
