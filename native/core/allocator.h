// A caching allocator for one device. Blocks are handed out at enqueue and used in stream order, so a
// released block may serve the next tensor at once. Sizes are rounded to classes, and a somewhat larger
// cached block serves too, so a training step finds every block in the cache and phases of a run share their
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

#include "backend.h"
#include "core/free_blocks.h"

namespace lapidary {

struct MemoryCounters {
  size_t active = 0, peak = 0, cached = 0, packed = 0, limit = 0;
};

class Allocator {
 public:
  explicit Allocator(Backend& backend);
  ~Allocator();

  /// Throws ERR_OUT_OF_MEMORY when `bytes` do not fit below the limit even after `relieve` and emptying the
  /// cache.
  Block allocate(size_t bytes);
  void release(Block block) noexcept;

  /// Returns cached blocks to the system. The caller has made sure that no queued task uses them.
  void empty_cache() noexcept;

  MemoryCounters counters() const;
  void reset_peak();
  void set_limit(size_t bytes);
  void count_packed(ptrdiff_t bytes);

  /// Called under pressure, before the cache is emptied: drops packed filters, then waits for the stream.
  std::function<void()> relieve;

  /// The size of the block that a request of so many bytes gets.
  static size_t size_class(size_t bytes);

 private:
  Backend& backend_;
  mutable std::mutex mutex_;
  FreeBlocks free_;
  MemoryCounters counters_;
};

/// Memory that this process may use: the least of the cgroup limit and what the system has available, in
/// bytes.
size_t available_memory();

}  // namespace lapidary
