// Host side of the faults whose .cu has one kernel called `kernel`.
#pragma once

#include <numeric>

#include "../harness.h"

namespace softgpu::programs {

/// Launches `kernel` of faults/NAME.cu and waits for it.
template <class... Arguments>
void launch_and_wait(const char* name, const Shape& shape, const Arguments&... arguments) {
  const Module module(name);
  launch(module.function("kernel"), shape, arguments...);
  synchronize();
}

/// 0, 1, 2, ...
inline std::vector<int> counting(std::size_t count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

/// Reads an output, so that what nobody wrote reaches the host.
template <class T>
void fetch(const Buffer<T>& buffer) {
  static_cast<void>(buffer.read());
}

}  // namespace softgpu::programs
