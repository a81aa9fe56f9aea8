#include "bindings/environment.h"

#include <cmath>

namespace lapidary {

HandleTable::HandleTable(EnvironmentId environment)
    : first_generation_(1 + static_cast<uint32_t>(environment * 0x9E3779B9u % (kGenerations - 1))) {
  clear();
}

double HandleTable::add(Tensor tensor) {
  size_t index;
  if (free_.empty()) {
    index = slots_.size();
    if (index >> kIndexBits)
      fail(ErrorCode::OutOfMemory, "more than 67 million live tensors; dispose some (scope)");
    slots_.push_back({Tensor(), first_generation_});
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
    fail(ErrorCode::Disposed,
         "this tensor has been disposed, or belongs to another thread; keep() it, or return it from its "
         "scope");
  }
  return index;
}

const Tensor& HandleTable::at(double handle) const { return slots_[index_of(handle)].tensor; }

void HandleTable::remove(double handle) {
  const size_t index = index_of(handle);
  const Tensor released = std::move(slots_[index].tensor);
  slots_[index].tensor = Tensor();
  uint32_t& generation = slots_[index].generation;
  generation = generation + 1 < kGenerations ? generation + 1 : 1;
  free_.push_back(index);
  --live_;
}

void HandleTable::clear() {
  slots_.clear();
  slots_.push_back({Tensor(), 0});
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

void Mailbox::post(Letter letter) {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  letters_.push_back(std::move(letter));
  function_.NonBlockingCall([this](Napi::Env env, Napi::Function) { deliver(env); });
}

void Mailbox::deliver(Napi::Env env) {
  Letter letter;
  {
    std::lock_guard lock(mutex_);
    if (letters_.empty()) return;
    letter = std::move(letters_.front());
    letters_.pop_front();
  }
  if (--due_ == 0) function_.Unref(env);
  letter(env);
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

Environment::Environment(Napi::Env env)
    : id(next_id()), handles(id), mailbox(std::make_shared<Mailbox>(env)) {
  context.environment = id;
  context.device = &Device::cpu();
  // A hook, not the destructor: hooks run last in, first out, so this one runs before Node takes the
  // mailbox's function away, while the driver thread may be posting to it.
  napi_add_env_cleanup_hook(
      env, [](void* self) { static_cast<Environment*>(self)->close(); }, this);
}

void Environment::close() {
  mailbox->close();
  for (Device* const device : Device::all()) device->forget(id);
  std::lock_guard lock(Device::enqueue_lock());
  captures.clear();  // also one that is recording
  handles.clear();
}

void Environment::refuse_in_capture(const char* what, const char* advice) const {
  if (context.recording) fail(ErrorCode::Capture, "%s inside capture() cannot be replayed; %s", what, advice);
}

Napi::Error to_javascript(Napi::Env env, ErrorCode code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, error_code_name(code)));
  return error;
}

}  // namespace lapidary
