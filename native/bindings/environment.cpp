#include "bindings/environment.h"

#include <cmath>

namespace lapidary {

double HandleTable::add(Tensor tensor) {
  size_t index;
  if (free_.empty()) {
    index = slots_.size();
    if (index >> kIndexBits)
      fail(ErrorCode::OutOfMemory, "more than 67 million live tensors; dispose some (scope)");
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  slots_[index].tensor = std::move(tensor);
  ++live_;
  return static_cast<double>(uint64_t{slots_[index].generation} << kIndexBits | index);
}

size_t HandleTable::index_of(double handle) const {
  if (!(handle >= 1) || handle > 9007199254740991.0 || handle != std::floor(handle)) {
    fail(ErrorCode::Argument, "expected a tensor handle, got %g", handle);
  }
  const auto bits = static_cast<uint64_t>(handle);
  const size_t index = bits & ((uint64_t{1} << kIndexBits) - 1);
  if (index == 0 || index >= slots_.size())
    fail(ErrorCode::Argument, "expected a tensor handle of this thread, got %.0f", handle);
  const Slot& slot = slots_[index];
  if (slot.generation != bits >> kIndexBits || !slot.tensor) {
    fail(ErrorCode::Disposed, "this tensor has been disposed; keep() it, or return it from its scope");
  }
  return index;
}

const Tensor& HandleTable::at(double handle) const { return slots_[index_of(handle)].tensor; }

void HandleTable::remove(double handle) {
  const size_t index = index_of(handle);
  const Tensor released = std::move(slots_[index].tensor);
  slots_[index].tensor = Tensor();
  slots_[index].generation = (slots_[index].generation + 1) & ((1u << 27) - 1);
  if (slots_[index].generation == 0) slots_[index].generation = 1;
  free_.push_back(index);
  --live_;
}

void HandleTable::clear() {
  slots_.clear();
  slots_.emplace_back();
  free_.clear();
  live_ = 0;
}

Mailbox::Mailbox(Napi::Env env)
    : function_(Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}),
                                              "lapidary", 0, 1)) {
  function_.Unref(env);
}

void Mailbox::expect(Napi::Env env) {
  if (due_++ == 0) function_.Ref(env);
}

void Mailbox::post(std::function<void(Napi::Env)> callback) {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  auto* carried = new std::function<void(Napi::Env)>(std::move(callback));
  const napi_status status = function_.NonBlockingCall(
      carried, [this](Napi::Env env, Napi::Function, std::function<void(Napi::Env)>* body) {
        const std::unique_ptr<std::function<void(Napi::Env)>> owned(body);
        if (env == nullptr) return;  // the environment is going away
        if (--due_ == 0) function_.Unref(env);
        (*owned)(env);
      });
  if (status != napi_ok) delete carried;
}

void Mailbox::close() {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  closed_ = true;
  function_.Abort();
}

EnvironmentId Environment::next_id() {
  static std::atomic<EnvironmentId> next{1};
  return next++;
}

Environment::Environment(Napi::Env env) : id(next_id()), mailbox(std::make_shared<Mailbox>(env)) {
  context.environment = id;
}

// Runs when the environment ends, also in mid-step: its queued work is dropped, its tensors are released.
Environment::~Environment() {
  mailbox->close();
  Device& device = Device::cpu();
  device.stream().drop(id);
  std::lock_guard lock(device.enqueue_lock());
  handles.clear();
}

Napi::Error to_javascript(Napi::Env env, ErrorCode code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, error_code_name(code)));
  return error;
}

}  // namespace lapidary
