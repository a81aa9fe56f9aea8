// What a block remembers of an mbarrier beside its 64-bit word in shared memory: who arrived in which phase,
// for the race checks, and arrivals that wait for asynchronous copies.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "op.h"

namespace softgpu {

/// What the arrivals of a phase release: by warp, its accesses before an epoch of the block, and of which of
/// its lanes.
struct PhaseOrder {
  std::vector<std::uint32_t> epochs, lanes;

  void add(std::uint32_t warp, std::uint32_t of_lanes, std::uint32_t epoch) {
    if (warp >= epochs.size()) epochs.resize(warp + 1), lanes.resize(warp + 1);
    epochs[warp] = std::max(epochs[warp], epoch);
    lanes[warp] |= of_lanes;
  }
  void clear() {
    epochs.clear();
    lanes.clear();
  }
};

struct Mbarrier {
  PhaseOrder arriving, completed;  ///< of the current phase, and of the one before it

  /// An arrival that comes when the first `copies` cp.async of a lane have landed.
  struct AfterCopies {
    std::uint32_t warp, lane, copies;
  };
  std::vector<AfterCopies> under_way;
};

}  // namespace softgpu
