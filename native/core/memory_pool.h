// Memory set apart for one capture. What is released into a pool serves later requests to the same pool and
// nobody else, as the recorded tasks will use it again at every replay. Once the pool is closed, everything
// goes back to the device's allocator.
#pragma once

#include <mutex>

#include "core/allocator.h"
#include "core/free_blocks.h"

namespace lapidary {

class MemoryPool {
 public:
  explicit MemoryPool(Allocator& allocator) : allocator_(allocator) {}
  ~MemoryPool() { close(); }
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  /// Throws as Allocator::allocate.
  Block allocate(size_t bytes);
  void release(Block block) noexcept;
  /// Gives back what is free now, and from now on what is released.
  void close() noexcept;
  /// Bytes that the pool has taken from the allocator and not given back.
  size_t bytes() const;

 private:
  Allocator& allocator_;
  mutable std::mutex mutex_;
  FreeBlocks free_;
  size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace lapidary
