// Memory for large blocks, in huge pages: touching a fresh 4 KiB page costs half a microsecond, a huge one
// four.
//
// Blocks of up to kShared bytes are cut from common regions one after the other; a block with a mapping of
// its own would fill up its last huge page, and a tensor of 1 MiB would take 2 MiB. A block's pages go back
// to the system when it is released, a region's addresses when its last block is. Starts are staggered by a
// few cache lines, so that tensors of one size do not alias in the caches. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace lapidary::cpu {

class HugePages {
 public:
  ~HugePages();
  /// Null when the system has none left.
  void* allocate(size_t bytes);
  /// `bytes` as they were asked for.
  void release(void* block, size_t bytes) noexcept;

 private:
  struct Region {
    size_t length, used;
    size_t blocks;  ///< live ones
  };
  static constexpr size_t kPage = size_t{2} << 20, kRegion = size_t{64} << 20, kShared = size_t{16} << 20;
  static constexpr size_t kStagger = 5 * 64;

  static size_t stored(size_t bytes) { return (bytes + 63) / 64 * 64 + kStagger; }
  static uintptr_t map_region(size_t length);
  std::mutex mutex_;
  std::map<uintptr_t, Region> regions_;  // by their start
  uintptr_t current_ = 0;                // the region that is cut from; 0: none
  size_t stagger_ = 0;
};

}  // namespace lapidary::cpu
