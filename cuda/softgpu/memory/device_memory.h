// Device memory: one reserved range of addresses that the host cannot touch, its storage, and its shadows.
//
// An address handed to the host lies in a range mapped PROT_NONE; the bytes lie in a second mapping at a
// fixed distance. Beside them, likewise committed page by page when first touched: a byte a byte that says
// whether somebody wrote it (0 = nobody, 0xff = written, 0x55 = a cp.async is bringing it), and two 64-bit
// records a 4-byte word with its last writer and reader (race_record.h).
//
// Allocations walk around the arena as around a ring, each with a red zone after it: a freed range is not
// handed out again before all others have been. Freeing gives the pages back to the system.
#pragma once

#include <atomic>
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
  bool constant = false;     ///< .const variables: stores are findings
  std::uint64_t number = 0;  ///< counts allocations from 1
  std::string name;          ///< "allocation 12 of 4096 bytes" or the variable's name
};

class DeviceMemory {
 public:
  static constexpr std::uint64_t kAlignment = 256;
  static constexpr std::uint64_t kRedZone = 256;  ///< bytes at least between two allocations

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
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }

  bool contains(DeviceAddress address) const { return address - base_ < capacity_; }
  /// The live allocation that holds all of [address, address+bytes), or nullptr. `bytes` may be 0. What a
  /// thread found last is answered without a lock until something is freed. Valid until that allocation is
  /// freed.
  const Allocation* find(DeviceAddress address, std::uint64_t bytes) const;
  /// The allocation at or before an address, live or freed, for messages.
  std::string describe(DeviceAddress address) const;
  /// The same in a signal handler: base, size and number, without allocating; false if none or if the table
  /// is busy.
  bool locate(DeviceAddress address, DeviceAddress* base, std::uint64_t* bytes, std::uint64_t* number,
              bool* freed) const;

  /// Bytes, definedness bytes and race records of an address inside the arena.
  std::byte* bytes(DeviceAddress address) const { return storage_ + (address - base_); }
  std::uint8_t* defined(DeviceAddress address) const { return defined_ + (address - base_); }
  /// records(a)[0] is the last writer of a's 4-byte word, [1] its last reader.
  std::uint64_t* records(DeviceAddress address) const { return records_ + ((address - base_) / 4) * 2; }

  /// Copies from and to host memory and inside the arena, with definedness. Ranges must have been checked.
  void write(DeviceAddress to, const void* from, std::uint64_t bytes);
  void read(void* to, DeviceAddress from, std::uint64_t bytes) const;
  void copy(DeviceAddress to, DeviceAddress from, std::uint64_t bytes);
  /// Writes `count` elements of 1, 2 or 4 bytes.
  void fill(DeviceAddress to, std::uint32_t value, std::uint32_t element_bytes, std::uint64_t count);
  /// Makes a range what nobody has written.
  void undefine(DeviceAddress from, std::uint64_t bytes);
  /// Offset of the first byte nobody wrote in the range, or nullopt.
  std::optional<std::uint64_t> first_undefined(DeviceAddress from, std::uint64_t bytes) const;
  /// Forgets all race records (their node numbers are about to be used again).
  void forget_records();

  DeviceAddress base() const { return base_; }

 private:
  std::optional<DeviceAddress> place(std::uint64_t span);
  void forget_range(DeviceAddress base, std::uint64_t span);
  void unmap();

  std::uint64_t capacity_;
  DeviceAddress base_ = 0;
  std::byte* storage_ = nullptr;
  std::uint8_t* defined_ = nullptr;
  std::uint64_t* records_ = nullptr;
  mutable std::shared_mutex mutex_;
  std::map<DeviceAddress, Allocation>
      allocations_;         ///< by base, freed ones too until their range is used again
  DeviceAddress next_ = 0;  ///< where the walk around the ring stands
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> generation_{
      0};  ///< of this memory's table in all threads' caches; changed by free()
  std::uint64_t number_ = 0;
};

}  // namespace softgpu
