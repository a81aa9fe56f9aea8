// Races: two accesses of one word by two threads, one of them a write, with nothing that orders them.
//
// Every 4-byte word of shared and global memory has a record of its last writer and its last reader. A record
// carries the block's epoch, a number raised by every barrier, fence and __syncwarp, so that one comparison
// tells accesses before the last barrier from those after. Ordered are: one thread's own accesses; accesses
// of a block with a barrier between them (a barrier of part of the block: of the warps that took part); lanes
// of a warp with a __syncwarp between them, never lock step alone; two atomics; accesses of two blocks when
// the first is followed by a fence and an atomic, volatile or release access of a word that the second has
// read since by an atomic, volatile or acquire access; work of other nodes (kernels, copies) that streams and
// events put before this launch.
//
// What it cannot see: only the last writer and reader are kept; only what ran is checked.
#pragma once

#include "access.h"

namespace softgpu {

/// Checks an access against the records of its words and leaves its own.
void check_races(Warp& warp, const Access& access);

/// After an access that synchronises has read its words: what was published there is known from now on.
void acquire_order(Warp& warp, const Access& access);

/// check_races for a load of 4-byte words of shared memory, `first[i]` the index of lane i's first word.
void check_shared_load(Warp& warp, const Access& access, const std::uint32_t* first,
                       const AccessPattern& pattern);

/// A record of shared memory: epoch 17 bits, thread 10, bytes of the word 4, many readers or atomic 1, place
/// 32 (of the instruction: function number and index). 0 = nobody. Records of later epochs compare greater.
struct SharedRecord {
  static constexpr std::uint32_t kMaxEpoch = (1u << 17) - 1;
  std::uint64_t bits = 0;
  static constexpr SharedRecord make(std::uint32_t epoch, std::uint32_t thread, std::uint32_t byte_mask,
                                     bool flag, std::uint32_t place) {
    return {std::uint64_t{epoch} << 47 | std::uint64_t{thread} << 37 | std::uint64_t{byte_mask} << 33 |
            std::uint64_t{flag} << 32 | place};
  }
  constexpr std::uint32_t epoch() const { return static_cast<std::uint32_t>(bits >> 47); }
  constexpr std::uint32_t thread() const { return bits >> 37 & 1023; }
  constexpr std::uint32_t byte_mask() const { return bits >> 33 & 15; }
  constexpr bool flag() const { return (bits >> 32 & 1) != 0; }
  constexpr std::uint32_t place() const { return static_cast<std::uint32_t>(bits); }
};

}  // namespace softgpu
