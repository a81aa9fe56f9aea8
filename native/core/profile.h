// A measurement of what one environment does: the calls of its JavaScript thread, and its tasks on the
// stream. Collected only while the environment profiles; the stream pays one pointer comparison a task
// otherwise.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace lapidary {

/// What a task does, for messages, logs and profiles.
struct TaskDescription {
  std::string name;            ///< of the kernel, or of another task: "read f32[2, 3]"
  std::string problem;         ///< the problem text; empty when there is none
  std::string implementation;  ///< "avx512:implicit_gemm"
  double bytes = 0;            ///< of all operands, each counted once for every time it is read or written
  double flops = 0;            ///< 0 when the problem does not say

  std::string text() const { return problem.empty() ? name : name + " " + problem; }
};

class Profile : public std::enable_shared_from_this<Profile> {
 public:
  using Clock = std::chrono::steady_clock;

  struct TaskRun {
    std::function<TaskDescription()> describe;
    Clock::time_point enqueued, start, end;
  };
  /// A call from JavaScript into the engine.
  struct Call {
    const char* name;
    Clock::time_point start, end;
  };

  /// On the driver thread.
  void add(TaskRun run) {
    std::lock_guard lock(mutex_);
    runs_.push_back(std::move(run));
  }
  /// On the environment's thread, like the rest.
  void add(Call call) { calls_.push_back(call); }

  Clock::time_point start() const noexcept { return start_; }
  const std::vector<Call>& calls() const noexcept { return calls_; }
  std::vector<TaskRun> take_runs() {
    std::lock_guard lock(mutex_);
    return std::move(runs_);
  }

 private:
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  std::vector<TaskRun> runs_;
  std::vector<Call> calls_;
};

}  // namespace lapidary
