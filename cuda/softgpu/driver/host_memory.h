// Page-locked host memory: what was allocated or registered through the driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace softgpu {

struct HostRange {
  std::uintptr_t base = 0;
  std::uint64_t bytes = 0;
  unsigned flags = 0;
  bool registered = false;  ///< by cuMemHostRegister; else allocated here
};

class HostMemory {
 public:
  HostMemory() = default;
  ~HostMemory();
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;

  /// Throws std::bad_alloc.
  void* allocate(std::uint64_t bytes, unsigned flags);
  /// False if it was not allocated here.
  bool free(void* pointer);
  /// False if part of the range is known already.
  bool add(void* pointer, std::uint64_t bytes, unsigned flags);
  bool remove(void* pointer);
  /// The page-locked range that holds all of [pointer, pointer + bytes).
  std::optional<HostRange> find(const void* pointer, std::uint64_t bytes) const;

 private:
  std::map<std::uintptr_t, HostRange> ranges_;
};

}  // namespace softgpu
