#include "device_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <new>

namespace softgpu {
namespace {

constexpr std::uint64_t kPage = 4096;

std::uint64_t round_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

void* reserve(std::uint64_t bytes, int protection) {
  void* memory = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

/// Zeroes a range; whole pages go back to the system.
void release(void* memory, std::uint64_t bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t last = first + bytes;
  const std::uintptr_t first_page = round_up(first, kPage), last_page = last / kPage * kPage;
  if (first_page >= last_page ||
      madvise(reinterpret_cast<void*>(first_page), last_page - first_page, MADV_DONTNEED) != 0) {
    std::memset(memory, 0, bytes);
    return;
  }
  std::memset(memory, 0, first_page - first);
  std::memset(reinterpret_cast<void*>(last_page), 0, last - last_page);
}

/// What this thread found last. Numbers of generations are unique in the process, so one cache serves every
/// memory.
struct Found {
  DeviceAddress base = 0, end = 0;
  const Allocation* allocation = nullptr;
};
struct FoundCache {
  std::uint64_t generation = 0;
  std::uint32_t next = 0;
  std::array<Found, 8> entries;
};
thread_local FoundCache found;

std::atomic<std::uint64_t> generations{0};

}  // namespace

DeviceMemory::DeviceMemory(std::uint64_t capacity) : capacity_(round_up(std::max(capacity, kPage), kPage)) {
  try {
    // Addresses start at a multiple of 2 MiB like a driver's.
    constexpr std::uint64_t kBoundary = 2 << 20;
    void* addresses = reserve(capacity_ + kBoundary, PROT_NONE);
    base_ = round_up(reinterpret_cast<DeviceAddress>(addresses), kBoundary);
    munmap(addresses, base_ - reinterpret_cast<DeviceAddress>(addresses));
    munmap(reinterpret_cast<void*>(base_ + capacity_),
           kBoundary - (base_ - reinterpret_cast<DeviceAddress>(addresses)));
    storage_ = static_cast<std::byte*>(reserve(capacity_, PROT_READ | PROT_WRITE));
    defined_ = static_cast<std::uint8_t*>(reserve(capacity_, PROT_READ | PROT_WRITE));
    records_ = static_cast<std::uint64_t*>(reserve(capacity_ * 4, PROT_READ | PROT_WRITE));
    // Four times the bytes of what a kernel touches: small pages would cost a TLB miss at nearly every word.
    madvise(records_, capacity_ * 4, MADV_HUGEPAGE);
  } catch (...) {
    unmap();
    throw;
  }
  next_ = base_;
  generation_ = ++generations;
}

DeviceMemory::~DeviceMemory() { unmap(); }

void DeviceMemory::unmap() {
  if (base_ != 0) munmap(reinterpret_cast<void*>(base_), capacity_);
  if (storage_ != nullptr) munmap(storage_, capacity_);
  if (defined_ != nullptr) munmap(defined_, capacity_);
  if (records_ != nullptr) munmap(records_, capacity_ * 4);
}

/// The first hole of `span` bytes at or after `next_`, around the ring; what was freed in it is forgotten.
std::optional<DeviceAddress> DeviceMemory::place(std::uint64_t span) {
  for (const DeviceAddress start : {next_, base_}) {
    DeviceAddress hole = start;
    auto entry = allocations_.upper_bound(start);
    if (entry != allocations_.begin()) {
      const Allocation& before = std::prev(entry)->second;
      const DeviceAddress end = before.base + round_up(before.bytes + kRedZone, kAlignment);
      if (!before.freed && end > hole) hole = end;
    }
    for (; entry != allocations_.end() && entry->first - hole < span; ++entry) {
      if (entry->second.freed) continue;
      hole = entry->first + round_up(entry->second.bytes + kRedZone, kAlignment);
    }
    if (hole - base_ > capacity_ || capacity_ - (hole - base_) < span) continue;
    allocations_.erase(allocations_.lower_bound(hole), allocations_.lower_bound(hole + span));
    next_ = hole + span;
    return hole;
  }
  return std::nullopt;
}

std::optional<DeviceAddress> DeviceMemory::allocate(std::uint64_t bytes, std::string name, bool constant) {
  if (bytes > capacity_) return std::nullopt;
  const std::uint64_t span = round_up(bytes + kRedZone, kAlignment);
  std::unique_lock lock(mutex_);
  const std::optional<DeviceAddress> base = place(span);
  if (!base) return std::nullopt;
  const std::uint64_t number = ++number_;
  if (name.empty()) name = "allocation " + std::to_string(number) + " of " + std::to_string(bytes) + " bytes";
  allocations_.insert_or_assign(*base, Allocation{*base, bytes, false, constant, number, std::move(name)});
  used_ += span;
  return base;
}

bool DeviceMemory::free(DeviceAddress base) {
  std::unique_lock lock(mutex_);
  const auto entry = allocations_.find(base);
  if (entry == allocations_.end() || entry->second.freed) return false;
  entry->second.freed = true;
  const std::uint64_t span = round_up(entry->second.bytes + kRedZone, kAlignment);
  used_ -= span;
  generation_ = ++generations;
  forget_range(base, span);
  return true;
}

void DeviceMemory::forget_range(DeviceAddress base, std::uint64_t span) {
  release(bytes(base), span);
  release(defined(base), span);
  release(records(base), span * 4);
}

const Allocation* DeviceMemory::find(DeviceAddress address, std::uint64_t bytes) const {
  const auto holds = [&](DeviceAddress base, DeviceAddress end) {
    return address >= base && address <= end && bytes <= end - address;
  };
  if (found.generation == generation_.load(std::memory_order_acquire)) {
    for (const Found& entry : found.entries) {
      // An address just past an allocation belongs to none unless nothing is asked of it.
      if (entry.allocation != nullptr && holds(entry.base, entry.end)) return entry.allocation;
    }
  }
  std::shared_lock lock(mutex_);
  auto entry = allocations_.upper_bound(address);
  if (entry == allocations_.begin()) return nullptr;
  const Allocation& allocation = std::prev(entry)->second;
  if (allocation.freed || !holds(allocation.base, allocation.base + allocation.bytes)) return nullptr;
  const std::uint64_t generation = generation_.load(std::memory_order_relaxed);
  if (found.generation != generation) found = FoundCache{generation, 0, {}};
  found.entries[found.next] = {allocation.base, allocation.base + allocation.bytes, &allocation};
  found.next = (found.next + 1) % found.entries.size();
  return &allocation;
}

std::string DeviceMemory::describe(DeviceAddress address) const {
  if (!contains(address)) return "an address outside device memory";
  std::shared_lock lock(mutex_);
  auto entry = allocations_.upper_bound(address);
  if (entry == allocations_.begin()) return "device memory that was never allocated";
  const Allocation& allocation = std::prev(entry)->second;
  const std::uint64_t offset = address - allocation.base;
  const std::string name = (allocation.freed ? "freed " : "") + allocation.name;
  if (offset < allocation.bytes) return "byte " + std::to_string(offset) + " of " + name;
  return std::to_string(offset - allocation.bytes) + " bytes past the end of " + name;
}

bool DeviceMemory::locate(DeviceAddress address, DeviceAddress* base, std::uint64_t* bytes,
                          std::uint64_t* number, bool* freed) const {
  std::shared_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  auto entry = allocations_.upper_bound(address);
  if (entry == allocations_.begin()) return false;
  const Allocation& allocation = std::prev(entry)->second;
  *base = allocation.base;
  *bytes = allocation.bytes;
  *number = allocation.number;
  *freed = allocation.freed;
  return true;
}

void DeviceMemory::write(DeviceAddress to, const void* from, std::uint64_t bytes) {
  if (bytes == 0) return;
  std::memcpy(this->bytes(to), from, bytes);
  std::memset(defined(to), 0xff, bytes);
}

void DeviceMemory::read(void* to, DeviceAddress from, std::uint64_t bytes) const {
  std::memcpy(to, this->bytes(from), bytes);
}

void DeviceMemory::copy(DeviceAddress to, DeviceAddress from, std::uint64_t bytes) {
  std::memmove(this->bytes(to), this->bytes(from), bytes);
  std::memmove(defined(to), defined(from), bytes);
}

void DeviceMemory::fill(DeviceAddress to, std::uint32_t value, std::uint32_t element_bytes,
                        std::uint64_t count) {
  if (element_bytes == 1) {
    std::memset(bytes(to), static_cast<int>(value & 0xff), count);
  } else if (element_bytes == 2) {
    std::fill_n(reinterpret_cast<std::uint16_t*>(bytes(to)), count, static_cast<std::uint16_t>(value));
  } else {
    std::fill_n(reinterpret_cast<std::uint32_t*>(bytes(to)), count, value);
  }
  std::memset(defined(to), 0xff, count * element_bytes);
}

void DeviceMemory::undefine(DeviceAddress from, std::uint64_t bytes) { std::memset(defined(from), 0, bytes); }

std::optional<std::uint64_t> DeviceMemory::first_undefined(DeviceAddress from, std::uint64_t bytes) const {
  const void* hole = std::memchr(defined(from), 0, bytes);
  if (hole == nullptr) return std::nullopt;
  return static_cast<const std::uint8_t*>(hole) - defined(from);
}

void DeviceMemory::forget_records() { release(records_, capacity_ * 4); }

}  // namespace softgpu
