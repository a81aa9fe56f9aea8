// A device as the engine sees it: a backend, its allocator, its one in-order stream, the step block and the
// caches.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/allocator.h"
#include "core/capture.h"
#include "core/stream.h"

namespace lapidary {

class Device;

/// What holds for the calls of one environment on its own thread while it is inside the addon.
struct CallContext {
  EnvironmentId environment = 0;
  std::string forced_isa, forced_implementation;
  Device* device = nullptr;      ///< where these calls make tensors
  bool strict = false;           ///< precision of the problems that these calls make
  std::string call_site;         ///< set by TypeScript in debug mode before each call
  Capture* recording = nullptr;  ///< the capture that the tasks of these calls go into, too
  Profile* profile = nullptr;    ///< what measures these calls and their tasks
};
CallContext& call_context();

class Device {
 public:
  static constexpr size_t kStagingLimit = size_t{256} << 20;

  /// The process's devices. Made at first use, never destroyed: threads may outlive static destructors.
  static Device& cpu();
  /// Throws ERR_DEVICE with the reason when there is none.
  static Device& cuda();
  /// Those made so far.
  static std::vector<Device*> all();

  explicit Device(std::unique_ptr<Backend> backend);

  Backend& backend() noexcept { return *backend_; }
  Allocator& allocator() noexcept { return allocator_; }
  Stream& stream() noexcept { return stream_; }
  /// Enqueues a task of the calling environment: it is recorded and measured as the call context says.
  void submit(Task task);
  /// Each environment has its own, in device memory. Touched by tasks only.
  StepBlock* step_block(EnvironmentId environment);
  /// Sets a slot of it (kStep, kEpoch), in stream order; by tasks only.
  static constexpr int64_t kStepSlot = -1, kEpochSlot = -2;
  void set_step(EnvironmentId environment, int64_t slot, double value);
  /// Several environments enqueue under this lock, on whatever device. Recursive: a getter on an argument may
  /// call the addon again.
  static std::recursive_mutex& enqueue_lock();

  /// Host memory that a task reads later. Blocks while more than kStagingLimit bytes are waiting (a larger
  /// block waits until nothing is). Kept for reuse when the last owner, the task, is gone.
  std::shared_ptr<void> stage(const void* host, size_t bytes);

  /// The packed form of a filter under a format, made (as a task) when the cache does not have this version
  /// of it. A task that reads it has `health` among its inputs.
  struct PackedFilter {
    const void* data = nullptr;
    std::shared_ptr<Health> health;
  };
  PackedFilter packed_filter(const Implementation& implementation, std::string_view isa,
                             const std::shared_ptr<const void>& problem, Storage& filter);
  void drop_packed(uint64_t storage_id);
  void drop_all_packed();

  /// Blocks no one: `done` runs once half of the queue and of the staging memory are free.
  void when_ready(std::function<void()> done);
  /// Drops the work of an environment that ends, and what is kept for it. Its tensors are released already or
  /// later.
  void forget(EnvironmentId environment);

  std::atomic<bool> verbose{false};

 private:
  std::unique_ptr<Backend> backend_;
  Allocator allocator_;
  std::unordered_map<EnvironmentId, StepBlock*> step_blocks_;
  PackedForms packed_;

  std::mutex staging_mutex_;
  std::condition_variable staging_room_;
  size_t staged_ = 0;
  std::multimap<size_t, void*> staging_free_;
  size_t staging_kept_ = 0;

  Stream stream_;  // last: its thread uses what stands above
};

}  // namespace lapidary
