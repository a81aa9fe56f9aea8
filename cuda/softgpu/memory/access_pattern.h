// What an access cost the last time: the number of sectors or of passes over the banks depends on the
// addresses' differences and on where the first lies in a sector, so loops that step through memory need it
// counted once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "../machine/op.h"

namespace softgpu {

struct AccessPattern {
  std::uint32_t function = 0xffffffff;  ///< Function::number
  std::uint32_t lanes = 0;
  std::uint32_t phase = 0;  ///< of the first address in its sector or bank
  std::uint32_t cost = 0, fewest = 0;
  /// The first lane at each address, and whether others share it (a bit an entry).
  std::array<std::uint8_t, kLanes> distinct{};
  std::uint32_t distinct_count = 0, shared = 0;
  alignas(64) std::array<std::uint64_t,
                         kLanes> difference{};  ///< of the active lanes' addresses from the first, else 0
};

/// The patterns of a function's instructions, made when first needed. Warps of a block mostly access alike.
class AccessPatterns {
 public:
  AccessPattern& of(std::uint32_t instruction) {
    if (instruction >= patterns_.size()) patterns_.resize(instruction + 1);
    std::unique_ptr<AccessPattern>& pattern = patterns_[instruction];
    if (!pattern) pattern = std::make_unique<AccessPattern>();
    return *pattern;
  }

 private:
  std::vector<std::unique_ptr<AccessPattern>> patterns_;
};

}  // namespace softgpu
