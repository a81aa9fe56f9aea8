// Blocks of (channel vectors, something): how many channels a thread moves at once, and how many a block
// takes.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "cuda/launch_context.h"

namespace lapidary::cuda {

/// Channels of one access: 4 when every count divides by 4, else 1. Tensors start at multiples of 256 bytes.
constexpr int64_t channel_width(std::initializer_list<int64_t> counts) {
  for (int64_t count : counts)
    if (count % 4 != 0) return 1;
  return 4;
}

/// Channel vectors split over blocks as evenly as may be.
struct ChannelParts {
  int64_t lanes;  ///< vectors a block
  int64_t parts;  ///< blocks that cover them

  constexpr ChannelParts(int64_t vectors, int64_t most_lanes)
      : lanes(ceil_div(vectors, ceil_div(vectors, most_lanes))), parts(ceil_div(vectors, lanes)) {}
};

}  // namespace lapidary::cuda
