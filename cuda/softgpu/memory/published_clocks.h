// Order between blocks by fences and flags: what a block published at an address, another that reads it
// acquires.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace softgpu {

/// By block (linear index modulo the records' range): accesses before this epoch are known.
using BlockClock = std::unordered_map<std::uint32_t, std::uint32_t>;

inline void join(BlockClock& clock, const BlockClock& other) {
  for (const auto& [block, epoch] : other) {
    std::uint32_t& known = clock[block];
    known = epoch > known ? epoch : known;
  }
}

class PublishedClocks {
 public:
  bool empty() const { return empty_.load(std::memory_order_acquire); }
  void publish(std::uint64_t word, const BlockClock& clock) {
    const std::lock_guard lock(mutex_);
    join(clocks_[word], clock);
    empty_.store(false, std::memory_order_release);
  }
  /// Joins what was published at a word into `clock`.
  void acquire(std::uint64_t word, BlockClock& clock) const {
    if (empty()) return;
    const std::lock_guard lock(mutex_);
    const auto found = clocks_.find(word);
    if (found != clocks_.end()) join(clock, found->second);
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> empty_{true};
  std::unordered_map<std::uint64_t, BlockClock> clocks_;
};

}  // namespace softgpu
