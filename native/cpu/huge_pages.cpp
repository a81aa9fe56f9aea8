#include "cpu/huge_pages.h"

#include <sys/mman.h>

#include <iterator>

namespace lapidary::cpu {

HugePages::~HugePages() {
  for (const auto& [start, region] : regions_) munmap(reinterpret_cast<void*>(start), region.length);
}

/// `length`, a multiple of kPage, starting at one; 0 when the system has none left.
uintptr_t HugePages::map_region(size_t length) {
  void* const mapped =
      mmap(nullptr, length + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return 0;
  const auto start = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t aligned = (start + kPage - 1) / kPage * kPage, end = aligned + length;
  if (aligned > start) munmap(mapped, aligned - start);
  if (start + kPage > aligned) munmap(reinterpret_cast<void*>(end), start + kPage - aligned);
  madvise(reinterpret_cast<void*>(aligned), length, MADV_HUGEPAGE);
  return aligned;
}

void* HugePages::allocate(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const size_t size = stored(bytes);
  const bool shared = size <= kShared;
  uintptr_t start = shared ? current_ : 0;
  if (!start || regions_[start].length - regions_[start].used < size) {
    const size_t offset = shared ? 0 : stagger_++ % 16 * kStagger;
    const size_t length = shared ? kRegion : (size + offset + kPage - 1) / kPage * kPage;
    start = map_region(length);
    if (!start) return nullptr;
    regions_[start] = {length, offset, 0};
    if (shared) current_ = start;
  }
  Region& region = regions_[start];
  void* const block = reinterpret_cast<void*>(start + region.used);
  region.used += size, ++region.blocks;
  return block;
}

void HugePages::release(void* block, size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  const auto start = reinterpret_cast<uintptr_t>(block);
  const auto found = std::prev(regions_.upper_bound(start));
  if (--found->second.blocks > 0) {  // what is not shared with a neighbour
    constexpr uintptr_t kSmallPage = 4096;
    const uintptr_t first = (start + kSmallPage - 1) / kSmallPage * kSmallPage;
    const uintptr_t end = (start + stored(bytes)) / kSmallPage * kSmallPage;
    if (end > first) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
    return;
  }
  if (found->first == current_) current_ = 0;
  munmap(reinterpret_cast<void*>(found->first), found->second.length);
  regions_.erase(found);
}

}  // namespace lapidary::cpu
