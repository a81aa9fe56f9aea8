#include "core/memory_pool.h"

namespace lapidary {

Block MemoryPool::allocate(size_t bytes) {
  {
    std::lock_guard lock(mutex_);
    if (const Block block = free_.take(Allocator::size_class(bytes)); block.data) return block;
  }
  const Block block = allocator_.allocate(bytes);
  std::lock_guard lock(mutex_);
  bytes_ += block.size;
  return block;
}

void MemoryPool::release(Block block) noexcept {
  if (!block.data) return;
  std::lock_guard lock(mutex_);
  if (closed_) {
    bytes_ -= block.size;
    allocator_.release(block);
  } else {
    free_.put(block);
  }
}

void MemoryPool::close() noexcept {
  std::lock_guard lock(mutex_);
  closed_ = true;
  free_.drain([&](Block block) {
    bytes_ -= block.size;
    allocator_.release(block);
  });
}

size_t MemoryPool::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace lapidary
