// One in-order queue of tasks per device. JavaScript threads enqueue under a lock; one driver thread runs the
// tasks.
//
// Errors: a task that throws or faults poisons its outputs (Health); a task with a poisoned input does not
// run, poisons what it would have created, and leaves what it would have changed as it was. `synchronize`
// reports the first fault of the asking environment.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "backend.h"
#include "core/profile.h"
#include "core/storage.h"

namespace lapidary {

/// The environment (Node-API env) that a task belongs to; 0: none.
using EnvironmentId = uint64_t;

struct Task {
  std::string name;  ///< for error messages; where there is `describe`, that tells more
  std::function<TaskDescription()> describe;
  std::function<void()> run;
  std::vector<std::shared_ptr<Health>>
      inputs;  ///< read (or changed): poisoned ones keep the task from running
  std::vector<std::shared_ptr<Health>>
      outputs;  ///< written afresh: poisoned by failure and by a poisoned input
  std::vector<std::shared_ptr<Health>>
      changed;  ///< existing tensors: poisoned only when the task itself fails half-way
  EnvironmentId environment = 0;
  std::string call_site;  ///< the JavaScript stack of the call, in debug mode
};

class Stream {
 public:
  static constexpr size_t kQueueLimit = 4096;

  /// `verbose`: say on stderr when a call has to wait for room.
  Stream(Backend& backend, const std::atomic<bool>& verbose);
  ~Stream();

  /// Blocks while the queue is full. Throws ERR_ABORTED after stop(). What is measured goes to `profile`.
  void enqueue(Task task, const std::shared_ptr<Profile>& profile = nullptr);
  /// The same for tasks in their order. They may be enqueued any number of times.
  void enqueue(std::span<const std::shared_ptr<const Task>> tasks,
               const std::shared_ptr<Profile>& profile = nullptr);

  /// A fence: `done` runs on the driver thread when the device has done all tasks enqueued so far.
  void fence(std::function<void()> done);
  /// Blocks until everything enqueued so far has run.
  void wait();
  /// Runs `body` as a task, waits for it, and throws what it throws.
  void call(EnvironmentId environment, std::function<void()> body);
  /// Blocks no one: `done` runs, at once or on the driver thread after a task, when `room(queued tasks)`
  /// holds.
  void when(std::function<bool(size_t queued)> room, std::function<void()> done);

  /// By tasks only: waits for the device and passes on the faults that its kernels have found since the last
  /// time. Returns how the device has failed; null: it has not.
  std::shared_ptr<const Fault> settle();

  /// Takes (and forgets) the environment's first fault since the last call, or how the device has failed.
  std::shared_ptr<const Fault> take_fault(EnvironmentId environment);
  void report_fault(EnvironmentId environment, const std::shared_ptr<const Fault>& fault);
  /// Drops the environment's queued tasks (its teardown); returns when none of them is running.
  void drop(EnvironmentId environment);

  size_t queued() const;
  /// Finishes the running task, drops the rest, joins the driver.
  void stop();

 private:
  struct Entry {
    std::shared_ptr<const Task> task;
    std::shared_ptr<Profile> profile;
    Profile::Clock::time_point enqueued;  ///< set when there is a profile
  };
  /// A task that the device may not have done yet, and how to ask whether it faulted; later tasks may have
  /// used its outputs.
  struct Unsettled {
    std::vector<std::shared_ptr<Health>> inputs, outputs, changed;
    EnvironmentId environment;
    std::shared_ptr<const Fault> fault;  ///< known at once
    bool ran;                            ///< false: an input was poisoned
    FaultCheck check;
    std::function<std::string(const char*)> wording;  ///< of its fault
  };
  static constexpr size_t kMostUnsettled = 4096;

  void drive();
  void execute(const Task& task);
  void note_unsettled(const Task& task, const std::shared_ptr<const Fault>& fault, bool ran);
  void measure(const Entry& entry);

  Backend& backend_;
  const std::atomic<bool>& verbose_;
  std::vector<Unsettled> unsettled_;  // of the driver thread; begins with one that can be asked
  mutable std::mutex mutex_;
  std::condition_variable work_, room_, settled_;
  std::deque<Entry> queue_;
  struct Waiter {
    std::function<bool(size_t)> room;
    std::function<void()> done;
  };
  std::vector<Waiter> waiters_;
  std::unordered_map<EnvironmentId, std::shared_ptr<const Fault>> faults_;
  std::shared_ptr<const Fault> lost_;  ///< how the device failed, for everyone from then on
  std::atomic<size_t> pending_{0};
  EnvironmentId running_for_ = 0;
  bool running_ = false, stopping_ = false, sleeping_ = false;
  std::thread driver_;
};

}  // namespace lapidary
