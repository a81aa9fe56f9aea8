// One kernel launch, as the driver hands it to the machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../memory/race_record.h"

namespace softgpu {

class Kernel;
class Device;

using Dim3 = std::array<std::uint32_t, 3>;

/// Answers whether the work with another node number is ordered before this launch (streams and events).
using OrderedBefore = NodeSet;

struct Launch {
  const Kernel* kernel = nullptr;
  Dim3 grid{1, 1, 1};
  Dim3 block{1, 1, 1};
  std::uint32_t dynamic_shared = 0;
  std::vector<std::byte> parameters;  ///< packed at their PTX alignment
  bool cooperative = false;           ///< all blocks resident at once
  std::uint32_t node = 0;             ///< number of this piece of work, 1 .. kNodes-1 (race_record.h)
  OrderedBefore ordered_before;       ///< of another node; by default everything earlier is
};

/// Runs a launch to its end on the device's worker threads. Findings go to the device; returns the CUresult
/// of the launch: 0, or that of the first error-level finding.
int execute(Device& device, const Launch& launch);

}  // namespace softgpu
