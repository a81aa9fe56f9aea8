#include "host_memory.h"

#include <cstdlib>
#include <iterator>
#include <new>

namespace softgpu {

HostMemory::~HostMemory() {
  for (const auto& [base, range] : ranges_) {
    if (!range.registered) std::free(reinterpret_cast<void*>(base));
  }
}

void* HostMemory::allocate(std::uint64_t bytes, unsigned flags) {
  constexpr std::uint64_t kPage = 4096;
  if (bytes > (std::uint64_t{1} << 47)) throw std::bad_alloc();
  void* pointer = std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage);
  if (pointer == nullptr) throw std::bad_alloc();
  const auto base = reinterpret_cast<std::uintptr_t>(pointer);
  ranges_.insert_or_assign(base, HostRange{base, bytes, flags, false});
  return pointer;
}

bool HostMemory::free(void* pointer) {
  const auto found = ranges_.find(reinterpret_cast<std::uintptr_t>(pointer));
  if (found == ranges_.end() || found->second.registered) return false;
  ranges_.erase(found);
  std::free(pointer);
  return true;
}

bool HostMemory::add(void* pointer, std::uint64_t bytes, unsigned flags) {
  const auto base = reinterpret_cast<std::uintptr_t>(pointer);
  const auto after = ranges_.lower_bound(base);
  if (after != ranges_.end() && after->first - base < bytes) return false;
  if (after != ranges_.begin()) {
    const HostRange& before = std::prev(after)->second;
    if (base - before.base < before.bytes) return false;
  }
  ranges_.emplace(base, HostRange{base, bytes, flags, true});
  return true;
}

bool HostMemory::remove(void* pointer) {
  const auto found = ranges_.find(reinterpret_cast<std::uintptr_t>(pointer));
  if (found == ranges_.end() || !found->second.registered) return false;
  ranges_.erase(found);
  return true;
}

std::optional<HostRange> HostMemory::find(const void* pointer, std::uint64_t bytes) const {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) return std::nullopt;
  const HostRange& range = std::prev(after)->second;
  const std::uint64_t offset = address - range.base;
  if (offset >= range.bytes || bytes > range.bytes - offset) return std::nullopt;
  return range;
}

}  // namespace softgpu
