#include "core/stream.h"

#include <chrono>
#include <cstdio>
#include <new>

namespace lapidary {

namespace {

std::string describe(const Task& task) { return task.describe ? task.describe().text() : task.name; }

}  // namespace

Stream::Stream(Backend& backend, const std::atomic<bool>& verbose)
    : backend_(backend), verbose_(verbose), driver_([this] { drive(); }) {}

Stream::~Stream() { stop(); }

void Stream::enqueue(Task task, const std::shared_ptr<Profile>& profile) {
  const auto shared = std::make_shared<const Task>(std::move(task));
  enqueue(std::span(&shared, 1), profile);
}

void Stream::enqueue(std::span<const std::shared_ptr<const Task>> tasks,
                     const std::shared_ptr<Profile>& profile) {
  const auto now = profile ? Profile::Clock::now() : Profile::Clock::time_point();
  std::unique_lock lock(mutex_);
  for (const auto& task : tasks) {
    if (verbose_ && queue_.size() >= kQueueLimit)
      std::fprintf(stderr, "lapidary,wait,queue,%zu tasks waiting\n", queue_.size());
    room_.wait(lock, [&] { return queue_.size() < kQueueLimit || stopping_; });
    if (stopping_) fail(ErrorCode::Aborted, "the device's stream has stopped; no more work is accepted");
    queue_.push_back({task, profile, now});
    pending_.store(queue_.size(), std::memory_order_release);
    if (sleeping_) work_.notify_one();
  }
}

void Stream::fence(std::function<void()> done) {
  Task task;
  task.name = "fence";
  task.run = [this, done = std::move(done)] {
    settle();
    done();
  };
  enqueue(std::move(task));
}

void Stream::wait() {
  std::mutex gate;
  std::condition_variable passed;
  bool done = false;
  fence([&] {
    std::lock_guard lock(gate);
    done = true;
    passed.notify_one();
  });
  std::unique_lock lock(gate);
  passed.wait(lock, [&] { return done; });
}

void Stream::call(EnvironmentId environment, std::function<void()> body) {
  std::exception_ptr failure;
  Task task;
  task.name = "call";
  task.environment = environment;
  task.run = [&] {
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  };
  enqueue(std::move(task));
  wait();
  if (failure) std::rethrow_exception(failure);
}

void Stream::when(std::function<bool(size_t)> room, std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    // An empty queue never runs another task that would ask again.
    if (!room(queue_.size()) && (running_ || !queue_.empty())) {
      waiters_.push_back({std::move(room), std::move(done)});
      return;
    }
  }
  done();
}

std::shared_ptr<const Fault> Stream::take_fault(EnvironmentId environment) {
  std::lock_guard lock(mutex_);
  const auto found = faults_.find(environment);
  if (found == faults_.end()) return lost_;
  auto fault = std::move(found->second);
  faults_.erase(found);
  return fault;
}

void Stream::report_fault(EnvironmentId environment, const std::shared_ptr<const Fault>& fault) {
  std::lock_guard lock(mutex_);
  faults_.try_emplace(environment, fault);
}

void Stream::drop(EnvironmentId environment) {
  std::deque<Entry> dropped;  // destroyed after the lock is gone: tasks may own storages
  std::unique_lock lock(mutex_);
  std::deque<Entry> kept;
  for (Entry& entry : queue_)
    (entry.task->environment == environment ? dropped : kept).push_back(std::move(entry));
  queue_ = std::move(kept);
  pending_.store(queue_.size(), std::memory_order_release);
  settled_.wait(lock, [&] { return !running_ || running_for_ != environment; });
  faults_.erase(environment);
  room_.notify_all();
}

size_t Stream::queued() const {
  std::lock_guard lock(mutex_);
  return queue_.size() + (running_ ? 1 : 0);
}

void Stream::stop() {
  std::deque<Entry> dropped;  // destroyed after the lock is gone, as above
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    dropped.swap(queue_);
    pending_.store(0);
  }
  work_.notify_all();
  room_.notify_all();
  if (driver_.joinable()) driver_.join();
}

void Stream::execute(const Task& task) {
  for (const auto& input : task.inputs) {
    if (!input->fault) continue;
    for (const auto& output : task.outputs) output->fault = input->fault;
    note_unsettled(task, input->fault, false);
    return;
  }
  try {
    task.run();
    for (const auto& output : task.outputs) output->fault = nullptr;
    for (const auto& target : task.changed) target->fault = nullptr;
    note_unsettled(task, nullptr, true);
  } catch (const std::exception& error) {
    const auto* typed = dynamic_cast<const Error*>(&error);
    const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
    const ErrorCode code = typed ? typed->code() : memory ? ErrorCode::OutOfMemory : ErrorCode::Internal;
    std::string message = "[" + describe(task) + "] " + error.what();
    if (!task.call_site.empty()) message += "\nenqueued by\n" + task.call_site;
    auto fault = std::make_shared<const Fault>(Fault{code, std::move(message)});
    for (const auto& output : task.outputs) output->fault = fault;
    for (const auto& target : task.changed) target->fault = fault;
    report_fault(task.environment, fault);
    note_unsettled(task, fault, true);
  }
}

void Stream::note_unsettled(const Task& task, const std::shared_ptr<const Fault>& fault, bool ran) {
  FaultCheck check = backend_.take_check();
  if (!check && unsettled_.empty()) return;
  unsettled_.push_back(
      {task.inputs, task.outputs, task.changed, task.environment, fault, ran, std::move(check), {}});
  if (unsettled_.back().check) {
    std::string site = task.call_site.empty() ? "" : "\nenqueued by\n" + task.call_site;
    unsettled_.back().wording = [name = task.name, describe = task.describe,
                                 site = std::move(site)](const char* what) {
      return "[" + (describe ? describe().text() : name) + "] " + what + site;
    };
  }
  if (unsettled_.size() >= kMostUnsettled) settle();
}

std::shared_ptr<const Fault> Stream::settle() {
  std::shared_ptr<const Fault> lost;
  try {
    backend_.synchronize();
    if (!unsettled_.empty()) backend_.read_checks();
  } catch (const Error& error) {
    lost = std::make_shared<const Fault>(Fault{error.code(), error.what()});
    const std::lock_guard lock(mutex_);
    if (!lost_) lost_ = lost;
  }
  for (const Unsettled& task : unsettled_) {
    std::shared_ptr<const Fault> fault = task.fault ? task.fault : lost;
    for (const auto& input : task.inputs) {
      if (!fault) fault = input->fault;
    }
    if (!fault && task.check) {
      if (const auto found = task.check()) {
        fault = std::make_shared<const Fault>(Fault{found->code(), task.wording(found->what())});
        report_fault(task.environment, fault);
      }
    }
    for (const auto& output : task.outputs) output->fault = fault;
    // What a task with a poisoned input has changed is spoilt too, unless that was known in time.
    if (!task.ran) continue;
    for (const auto& target : task.changed) target->fault = fault;
  }
  unsettled_.clear();
  return lost;
}

void Stream::measure(const Entry& entry) {
  const auto start = Profile::Clock::now();
  execute(*entry.task);
  settle();  // so that the time is that of the work
  const auto end = Profile::Clock::now();
  auto describe = entry.task->describe;
  if (!describe) describe = [name = entry.task->name] { return TaskDescription{name, "", ""}; };
  entry.profile->add(Profile::TaskRun{std::move(describe), entry.enqueued, start, end});
}

void Stream::drive() {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(mutex_);
  while (true) {
    if (queue_.empty() && !stopping_) {
      // Spin a little before sleeping: the next task of a step is usually microseconds away.
      lock.unlock();
      const auto until = Clock::now() + std::chrono::microseconds(50);
      while (pending_.load(std::memory_order_acquire) == 0 && Clock::now() < until) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
      lock.lock();
      sleeping_ = true;
      work_.wait(lock, [&] { return !queue_.empty() || stopping_; });
      sleeping_ = false;
    }
    if (stopping_) return;
    Entry entry = std::move(queue_.front());
    queue_.pop_front();
    pending_.store(queue_.size(), std::memory_order_release);
    running_ = true;
    running_for_ = entry.task->environment;
    if (queue_.size() == kQueueLimit - 1) room_.notify_all();
    lock.unlock();
    if (entry.profile)
      measure(entry);
    else
      execute(*entry.task);
    entry = Entry{};  // releases what the task held before anyone is told that it ended
    lock.lock();
    running_ = false;
    settled_.notify_all();
    for (size_t index = 0; index < waiters_.size();) {
      if (!waiters_[index].room(queue_.size()) && !queue_.empty()) {
        ++index;
        continue;
      }
      const auto done = std::move(waiters_[index].done);
      waiters_.erase(waiters_.begin() + static_cast<ptrdiff_t>(index));
      lock.unlock();
      done();
      lock.lock();
    }
  }
}

}  // namespace lapidary
