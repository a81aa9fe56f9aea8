// What one Node-API environment (the main thread or a worker thread) owns in the addon: its handles, its
// promises, its forced implementation. Several environments share the device and enqueue under its lock.
#pragma once

#include <napi.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/capture.h"
#include "core/tensor.h"

namespace lapidary {

/// Handles are index + generation, so a disposed one is recognised even when its slot serves another tensor.
/// Generations start at another number in every environment, so that a handle of another thread is refused
/// too.
class HandleTable {
 public:
  explicit HandleTable(EnvironmentId environment);
  double add(Tensor tensor);
  /// Throws ERR_DISPOSED for a released handle, ERR_ARGUMENT for a number that never was one.
  const Tensor& at(double handle) const;
  void remove(double handle);
  void clear();
  size_t live() const noexcept { return live_; }

 private:
  static constexpr uint64_t kIndexBits = 26;
  static constexpr uint32_t kGenerations = uint32_t{1} << 27;
  struct Slot {
    Tensor tensor;
    uint32_t generation;
  };
  size_t index_of(double handle) const;

  const uint32_t first_generation_;
  std::vector<Slot> slots_;  // index 0 stays empty: handle 0 means "no tensor"
  std::vector<size_t> free_;
  size_t live_ = 0;
};

/// Runs callbacks of the driver thread on the environment's thread. Keeps the event loop alive only while
/// some are due.
class Mailbox {
 public:
  using Letter = std::function<void(Napi::Env)>;
  explicit Mailbox(Napi::Env env);
  /// On the environment's thread: one letter is due.
  void expect(Napi::Env env);
  /// On any thread: delivers it. Does nothing once closed.
  void post(Letter letter);
  void close();

 private:
  void deliver(Napi::Env env);

  std::mutex mutex_;
  Napi::ThreadSafeFunction function_;
  std::deque<Letter> letters_;  // kept here, not in the function's queue: what is not delivered is freed
  size_t due_ = 0;
  bool closed_ = false;
};

class Environment {
 public:
  explicit Environment(Napi::Env env);

  const EnvironmentId id;
  HandleTable handles;
  std::shared_ptr<Mailbox> mailbox;
  CallContext context;
  /// By a number that no other environment has. One of them may be recording: `context.recording` is its
  /// pointer, null while recording is paused.
  std::unordered_map<uint64_t, std::unique_ptr<Capture>> captures;
  uint64_t recording = 0;
  std::shared_ptr<Profile> profile;  ///< `context.profile` while it collects

  /// Throws ERR_CAPTURE when a capture is recording: `what` cannot be replayed, `advice` says what can.
  void refuse_in_capture(const char* what, const char* advice) const;

 private:
  /// When the environment ends, also in mid-step: its queued work is dropped, its tensors are released.
  void close();
  static EnvironmentId next_id();
};

/// A lapidary error as a JavaScript Error with `code`.
Napi::Error to_javascript(Napi::Env env, ErrorCode code, const std::string& message);

/// Measures one call from JavaScript while the environment profiles.
class CallSpan {
 public:
  CallSpan(Environment& environment, const char* name)
      : profile_(environment.context.profile),
        name_(name),
        start_(profile_ ? Profile::Clock::now() : Profile::Clock::time_point()) {}
  ~CallSpan() {
    if (profile_) profile_->add(Profile::Call{name_, start_, Profile::Clock::now()});
  }
  CallSpan(const CallSpan&) = delete;
  CallSpan& operator=(const CallSpan&) = delete;

 private:
  Profile* const profile_;
  const char* const name_;
  const Profile::Clock::time_point start_;
};

/// Wraps a binding: takes the enqueue lock, sets the call context, and turns every C++ exception into a typed
/// one.
using Binding = Napi::Value (*)(const Napi::CallbackInfo& info, Environment& environment);
template <Binding function, bool locked = true>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  Environment& environment = *info.Env().GetInstanceData<Environment>();
  try {
    call_context() = environment.context;
    if constexpr (locked) {
      std::lock_guard lock(Device::enqueue_lock());
      return function(info, environment);
    } else {
      return function(info, environment);
    }
  } catch (const Error& error) {
    throw to_javascript(info.Env(), error.code(), error.what());
  } catch (const std::bad_alloc&) {
    throw to_javascript(info.Env(), ErrorCode::OutOfMemory, "the system has no memory left for this call");
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw to_javascript(info.Env(), ErrorCode::Internal, error.what());
  }
}

}  // namespace lapidary
