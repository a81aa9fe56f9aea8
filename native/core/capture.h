// A step recorded once and replayed any number of times: the tasks that one environment enqueued meanwhile,
// and the memory that they use. Tasks are closures over fixed addresses; what changes from step to step lies
// in the step block and in tensors that were made before.
//
// - Memory made during the capture comes from a pool of its own: recorded tasks reuse it in order, nobody
//   else gets it.
// - Storages from outside that a task uses are kept alive, so no recorded address ever dangles.
// - Filters are packed anew in every replay, into memory of the capture.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/memory_pool.h"
#include "core/storage.h"
#include "core/stream.h"

namespace lapidary {

/// A packed filter of one version of a storage.
struct PackedForm {
  uint64_t version = 0;
  Block block;
  std::shared_ptr<Health> health;  ///< null until it is packed
};
/// By storage and format.
using PackedForms = std::unordered_map<uint64_t, std::unordered_map<std::string, PackedForm>>;

class Capture {
 public:
  explicit Capture(Device& device);
  /// Gives its memory back; tasks that are queued still run first, in stream order.
  ~Capture();

  /// Throws ERR_CAPTURE for another device than the one whose work is recorded.
  void expect_device(Device& device) const;
  const std::shared_ptr<MemoryPool>& pool() const noexcept { return pool_; }
  PackedForms& packed() noexcept { return packed_; }
  size_t tasks() const noexcept { return tasks_.size(); }

  void record(std::shared_ptr<const Task> task) { tasks_.push_back(std::move(task)); }
  /// A recorded task uses the storage.
  void touch(Storage& storage, bool writes);
  /// Nothing is recorded any more.
  void finish();

  /// What replays write is changed, as far as saved tensors and packed filters are concerned.
  void bump_versions();
  /// Enqueues the recorded tasks `first` to `last - 1`: one by one, or, where the backend can record work and
  /// nobody measures, as a whole.
  void replay(size_t first, size_t last, const std::shared_ptr<Profile>& profile);

 private:
  /// Recorded tasks as one, which the backend records when it first runs.
  std::shared_ptr<const Task> joined(size_t first, size_t last) const;

  Device& device_;
  std::shared_ptr<MemoryPool> pool_;
  std::vector<std::shared_ptr<const Task>> tasks_;
  std::unordered_map<uint64_t, std::shared_ptr<Storage>> outside_;
  std::unordered_map<uint64_t, std::weak_ptr<Storage>> written_;
  PackedForms packed_;
  std::map<std::pair<size_t, size_t>, std::shared_ptr<const Task>> pieces_;
};

}  // namespace lapidary
