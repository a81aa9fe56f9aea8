// Blocks that are kept for reuse, by size.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

namespace lapidary {

struct Block {
  void* data = nullptr;
  size_t size = 0;  ///< of the block, at least what was asked for
};

class FreeBlocks {
 public:
  /// The smallest block that fits, but none that would waste more than half of what is asked for; else an
  /// empty one.
  Block take(size_t size) {
    for (auto found = free_.lower_bound(size); found != free_.end() && found->first <= size + size / 2;
         ++found) {
      if (found->second.empty()) continue;
      void* data = found->second.back();
      found->second.pop_back();
      return {data, found->first};
    }
    return {};
  }
  void put(Block block) { free_[block.size].push_back(block.data); }

  /// Hands every block to `each` and keeps none.
  template <class Each>
  void drain(Each&& each) {
    for (auto& [size, blocks] : free_) {
      for (void* data : blocks) each(Block{data, size});
      blocks.clear();
    }
  }

 private:
  std::map<size_t, std::vector<void*>> free_;
};

}  // namespace lapidary
