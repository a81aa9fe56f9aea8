// The memory of one or more tensors (views share it), with what the tape and the stream need to know of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/allocator.h"
#include "core/dtype.h"
#include "core/error.h"

namespace lapidary {

class Device;
class MemoryPool;

/// A task that failed: what `synchronize()` and `data()` reject with.
struct Fault {
  ErrorCode code;
  std::string message;
};

/// Set by the stream when the task that should have written a storage failed or did not run. Only tasks touch
/// `fault`.
struct Health {
  std::shared_ptr<const Fault> fault;
};

class Storage : public std::enable_shared_from_this<Storage> {
 public:
  /// Takes a block of the device's allocator, or, while the calling environment captures, of its capture's
  /// pool. Throws ERR_OUT_OF_MEMORY with the counters.
  Storage(Device& device, size_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  Device& device() const noexcept { return device_; }
  /// Device memory: for tasks on the stream only.
  void* data() const noexcept { return block_.data; }
  size_t bytes() const noexcept { return bytes_; }
  const std::shared_ptr<Health>& health() const noexcept { return health_; }

  /// Identity for caches; never reused.
  uint64_t id() const noexcept { return id_; }
  /// Counts mutations at enqueue; shared by all views.
  uint64_t version() const noexcept { return version_; }
  void bump_version(const char* op) noexcept {
    ++version_;
    mutated_by_ = op;
  }
  const char* mutated_by() const noexcept { return mutated_by_; }
  /// The pool of the capture that it was made in, if any.
  const MemoryPool* pool() const noexcept { return pool_.get(); }
  /// Packed forms of this storage exist in the device's cache and die with it.
  bool packed = false;

 private:
  Device& device_;
  size_t bytes_;
  std::shared_ptr<MemoryPool> pool_;
  Block block_;
  uint64_t id_;
  uint64_t version_ = 0;
  const char* mutated_by_ = "";
  std::shared_ptr<Health> health_;
};

}  // namespace lapidary
