// A device as the engine sees it: a backend, its allocator, its one in-order stream, the step block and the
// caches.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/allocator.h"
#include "core/stream.h"

namespace lapidary {

/// What holds for the calls of one environment on its own thread while it is inside the addon.
struct CallContext {
  EnvironmentId environment = 0;
  std::string forced_isa, forced_implementation;
  std::string call_site;  ///< set by TypeScript in debug mode before each call
};
CallContext& call_context();

class Device {
 public:
  static constexpr size_t kStagingLimit = size_t{256} << 20;

  /// The process's CPU device. Made at first use, never destroyed: threads may outlive static destructors.
  static Device& cpu();

  explicit Device(std::unique_ptr<Backend> backend);

  Backend& backend() noexcept { return *backend_; }
  Allocator& allocator() noexcept { return allocator_; }
  Stream& stream() noexcept { return stream_; }
  /// Touched by tasks only.
  StepBlock& step_block() noexcept { return step_block_; }
  /// Several environments enqueue under this lock.
  std::mutex& enqueue_lock() noexcept { return enqueue_lock_; }

  /// Host memory that a task reads later. Blocks while more than kStagingLimit bytes are waiting (a larger
  /// block waits until nothing is). Kept for reuse when the last owner, the task, is gone.
  std::shared_ptr<void> stage(const void* host, size_t bytes);

  /// The packed form of a filter under a format, made (as a task) when the cache does not have this version
  /// of it.
  void* packed_filter(const Implementation& implementation, std::string_view isa,
                      const std::shared_ptr<const void>& problem, Storage& filter);
  void drop_packed(uint64_t storage_id);
  void drop_all_packed();

  bool verbose = false;

 private:
  struct Packed {
    uint64_t version = 0;
    void* data = nullptr;
    size_t bytes = 0;
  };
  void* fill_packed(Packed& entry, const Implementation& implementation,
                    const std::shared_ptr<const void>& problem, Storage& filter);

  std::unique_ptr<Backend> backend_;
  Allocator allocator_;
  StepBlock step_block_;
  std::mutex enqueue_lock_;
  std::unordered_map<uint64_t, std::unordered_map<std::string, Packed>> packed_;

  std::mutex staging_mutex_;
  std::condition_variable staging_room_;
  size_t staged_ = 0;
  std::multimap<size_t, void*> staging_free_;
  size_t staging_kept_ = 0;

  Stream stream_;  // last: its thread uses what stands above
};

}  // namespace lapidary
