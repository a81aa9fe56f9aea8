// Device memory: one reserved range of addresses that the host cannot touch, its storage, and its shadows.
//
// An address handed to the host lies in a range mapped PROT_NONE; the bytes lie in a second mapping at a
// fixed distance. Beside them, likewise committed page by page when first touched: a byte a byte that says
// whether somebody wrote it (0 = nobody), and two 64-bit records a 4-byte word with its last writer and
// reader (race_record.h). Every allocation has a red zone after it, and freed ranges are not handed out again
// before the arena is full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>

#include "windows.h"

namespace softgpu {

struct Allocation {
  DeviceAddress base = 0;
  std::uint64_t bytes = 0;
  bool freed = false;
  bool constant = false;  ///< .const variables: stores are findings
  std::string name;       ///< "allocation 12 of 4096 bytes" or the variable's name
};

class DeviceMemory {
 public:
  /// Reserves `capacity` bytes of device addresses. Throws std::bad_alloc.
  explicit DeviceMemory(std::uint64_t capacity);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  /// 256-byte aligned memory nobody has written yet; nullopt when the arena is full.
  std::optional<DeviceAddress> allocate(std::uint64_t bytes, std::string name = {}, bool constant = false);
  /// False if `base` is not the start of a live allocation.
  bool free(DeviceAddress base);
  std::uint64_t capacity() const { return capacity_; }
  std::uint64_t used() const;

  bool contains(DeviceAddress address) const { return address - base_ < capacity_; }
  /// The live allocation that holds all of [address, address+bytes), or nullopt. `bytes` may be 0.
  std::optional<Allocation> find(DeviceAddress address, std::uint64_t bytes) const;
  /// The allocation at or before an address, live or freed, for messages.
  std::string describe(DeviceAddress address) const;

  /// Bytes, definedness bytes and race records of an address inside the arena.
  std::byte* bytes(DeviceAddress address) const { return storage_ + (address - base_); }
  std::uint8_t* defined(DeviceAddress address) const { return defined_ + (address - base_); }
  /// records(a)[0] is the last writer of a's 4-byte word, [1] its last reader.
  std::uint64_t* records(DeviceAddress address) const { return records_ + ((address - base_) / 4) * 2; }

  /// Copies from and to host memory and inside the arena, with definedness. Ranges must have been checked.
  void write(DeviceAddress to, const void* from, std::uint64_t bytes);
  /// Offset of the first byte nobody wrote in the range, or nullopt.
  std::optional<std::uint64_t> first_undefined(DeviceAddress from, std::uint64_t bytes) const;
  void read(void* to, DeviceAddress from, std::uint64_t bytes) const;
  void copy(DeviceAddress to, DeviceAddress from, std::uint64_t bytes);
  /// Forgets all race records (their node numbers are about to be used again).
  void forget_records();

  DeviceAddress base() const { return base_; }

 private:
  std::uint64_t capacity_;
  DeviceAddress base_ = 0;
  std::byte* storage_ = nullptr;
  std::uint8_t* defined_ = nullptr;
  std::uint64_t* records_ = nullptr;
  mutable std::shared_mutex mutex_;
  std::map<DeviceAddress, Allocation>
      allocations_;  ///< by base, freed ones too until their range is used again
  DeviceAddress next_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace softgpu
