// What changes from step to step.
#pragma once

#include <array>
#include <cstdint>

namespace lapidary {

/// Lies in device memory; kernels read it at execution, so a captured step can be replayed.
struct StepBlock {
  static constexpr int kSlots = 32;
  std::array<float, kSlots>
      scalars{};      ///< learning rate, epsilon, ...: slots are handed out by lib/device.ts
  int64_t step = 0;   ///< Philox step
  int64_t epoch = 0;  ///< Philox epoch of augmentation
};

}  // namespace lapidary
