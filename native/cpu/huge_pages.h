// Memory for large blocks, in huge pages: touching a fresh 4 KiB page costs half a microsecond, a huge one
// four.
//
// Blocks of up to kShared bytes are cut from common regions one after the other; a block with a mapping of
// its own would fill up its last huge page, and a tensor of 1 MiB would take 2 MiB. A region is given back
// when its last block is. Starts are staggered by a few cache lines, so that tensors of one size do not alias
// in the caches. Not thread-safe: the allocator calls under its lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace lapidary::cpu {

class HugePages {
 public:
  ~HugePages();
  /// Null when the system has none left.
  void* allocate(size_t bytes);
  void release(void* block) noexcept;

 private:
  struct Region {
    size_t length, used;
    size_t blocks;  ///< live ones
  };
  static constexpr size_t kPage = size_t{2} << 20, kRegion = size_t{64} << 20, kShared = size_t{16} << 20;
  static constexpr size_t kStagger = 5 * 64;

  static uintptr_t map_region(size_t length);
  std::map<uintptr_t, Region> regions_;  // by their start
  uintptr_t current_ = 0;                // the region that is cut from; 0: none
  size_t stagger_ = 0;
};

}  // namespace lapidary::cpu
