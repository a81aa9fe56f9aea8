#include "core/allocator.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "core/cgroup.h"

namespace lapidary {
namespace {

constexpr double kMiB = 1048576.0;

}  // namespace

size_t available_memory() {
  size_t available = size_t{1} << 62;
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  size_t kilobytes = 0;
  while (meminfo >> key >> kilobytes) {
    if (key == "MemAvailable:") {
      available = kilobytes * 1024;
      break;
    }
    meminfo.ignore(64, '\n');
  }
  for (const std::string& value : cgroup_values("memory.max", "memory", "memory.limit_in_bytes")) {
    const size_t limit = std::strtoull(value.c_str(), nullptr, 10);  // "max" reads as 0: no limit
    if (limit > 0) available = std::min(available, limit);
  }
  return available;
}

Allocator::Allocator(Backend& backend) : backend_(backend) { counters_.limit = backend_.memory_limit(); }

Allocator::~Allocator() { empty_cache(); }

// Eight classes per power of two: at most 12.5 % is lost, and a step's sizes repeat exactly.
size_t Allocator::size_class(size_t bytes) {
  size_t size = std::max<size_t>(bytes, 512);
  size_t power = 512;
  while (power * 2 <= size) power *= 2;
  const size_t step = std::max<size_t>(power / 8, 64);
  return (size + step - 1) / step * step;
}

Block Allocator::allocate(size_t bytes) {
  if (bytes > (size_t{1} << 46))
    fail(ErrorCode::OutOfMemory, "expected at most 64 TiB for one tensor, got %zu bytes", bytes);
  const size_t size = size_class(bytes);
  for (int attempt = 0; attempt < 3; ++attempt) {
    {
      std::lock_guard lock(mutex_);
      Block block = free_.take(size);
      if (block.data)
        counters_.cached -= block.size;
      else if (counters_.active + counters_.cached + counters_.packed + size <= counters_.limit)
        block = {backend_.allocate(size), size};
      if (block.data) {
        counters_.active += block.size;
        counters_.peak = std::max(counters_.peak, counters_.active);
        return block;
      }
    }
    if (attempt == 0 && relieve) relieve();
    if (attempt <= 1) empty_cache();
  }
  const MemoryCounters now = counters();
  fail(ErrorCode::OutOfMemory,
       "expected room for %.1f MiB; active %.1f, cached %.1f, packed filters %.1f, limit %.1f MiB. Use a "
       "smaller batch, "
       "dispose tensors (scope), or raise the limit",
       double(bytes) / kMiB, double(now.active) / kMiB, double(now.cached) / kMiB, double(now.packed) / kMiB,
       double(now.limit) / kMiB);
}

void Allocator::release(Block block) noexcept {
  if (!block.data) return;
  std::lock_guard lock(mutex_);
  counters_.active -= block.size;
  counters_.cached += block.size;
  free_.put(block);
}

void Allocator::empty_cache() noexcept {
  std::lock_guard lock(mutex_);
  free_.drain([&](Block block) {
    backend_.release(block.data, block.size);
    counters_.cached -= block.size;
  });
}

MemoryCounters Allocator::counters() const {
  std::lock_guard lock(mutex_);
  return counters_;
}

void Allocator::reset_peak() {
  std::lock_guard lock(mutex_);
  counters_.peak = counters_.active;
}

void Allocator::set_limit(size_t bytes) {
  std::lock_guard lock(mutex_);
  counters_.limit = bytes;
}

void Allocator::count_packed(ptrdiff_t bytes) {
  std::lock_guard lock(mutex_);
  counters_.packed += static_cast<size_t>(bytes);
  counters_.active -= static_cast<size_t>(bytes);
}

}  // namespace lapidary
