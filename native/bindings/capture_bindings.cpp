#include "bindings/capture_bindings.h"

#include "bindings/arguments.h"

namespace lapidary {
namespace {

Napi::Value begin_capture(const Napi::CallbackInfo& info, Environment& environment) {
  if (environment.recording != 0)
    fail(ErrorCode::Capture, "expected no capture inside another; record them one after the other");
  static std::atomic<uint64_t> next_id{1};
  const uint64_t id = next_id++;
  auto capture = std::make_unique<Capture>(*environment.context.device);
  environment.context.recording = capture.get();
  environment.captures.emplace(id, std::move(capture));
  environment.recording = id;
  return info.Env().Undefined();
}

Capture& recording(Environment& environment) {
  const auto found = environment.captures.find(environment.recording);
  if (found == environment.captures.end()) fail(ErrorCode::Capture, "expected a capture that is recording");
  return *found->second;
}

/// How many tasks are recorded so far: the place of what the host does between them.
Napi::Value pause_capture(const Napi::CallbackInfo& info, Environment& environment) {
  Capture& capture = recording(environment);
  environment.context.recording = boolean_argument(info, 0, "pause") ? nullptr : &capture;
  return Napi::Number::New(info.Env(), static_cast<double>(capture.tasks()));
}

Napi::Value end_capture(const Napi::CallbackInfo& info, Environment& environment) {
  Capture& capture = recording(environment);
  capture.finish();
  environment.context.recording = nullptr;
  Napi::Object result = Napi::Object::New(info.Env());
  result["id"] = static_cast<double>(environment.recording);
  result["tasks"] = static_cast<double>(capture.tasks());
  result["bytes"] = static_cast<double>(capture.pool()->bytes());
  environment.recording = 0;
  return result;
}

Napi::Value abandon_capture(const Napi::CallbackInfo& info, Environment& environment) {
  environment.context.recording = nullptr;
  environment.captures.erase(environment.recording);
  environment.recording = 0;
  return info.Env().Undefined();
}

constexpr int64_t kMostIds = (int64_t{1} << 53) - 1;

Napi::Value replay(const Napi::CallbackInfo& info, Environment& environment) {
  const CallSpan span(environment, "replay");
  if (environment.recording != 0)
    fail(ErrorCode::Capture, "replay() inside capture() cannot be recorded; call the step itself there");
  const auto id = static_cast<uint64_t>(integer_argument(info, 0, "capture", 1, kMostIds));
  const auto found = environment.captures.find(id);
  if (found == environment.captures.end())
    fail(ErrorCode::Disposed, "this capture has been disposed, or belongs to another thread");
  Capture& capture = *found->second;
  const auto most = static_cast<int64_t>(capture.tasks());
  const int64_t last = integer_argument(info, 2, "last", 0, most);
  const int64_t first = integer_argument(info, 1, "first", 0, last);
  capture.replay(static_cast<size_t>(first), static_cast<size_t>(last), environment.profile);
  if (first < last) capture.bump_versions();
  return info.Env().Undefined();
}

Napi::Value release_capture(const Napi::CallbackInfo& info, Environment& environment) {
  environment.captures.erase(static_cast<uint64_t>(integer_argument(info, 0, "capture", 1, kMostIds)));
  return info.Env().Undefined();
}

}  // namespace

void export_capture_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("beginCapture", Napi::Function::New(env, guarded<begin_capture>));
  exports.Set("pauseCapture", Napi::Function::New(env, guarded<pause_capture>));
  exports.Set("endCapture", Napi::Function::New(env, guarded<end_capture>));
  exports.Set("abandonCapture", Napi::Function::New(env, guarded<abandon_capture>));
  exports.Set("replay", Napi::Function::New(env, guarded<replay>));
  exports.Set("releaseCapture", Napi::Function::New(env, guarded<release_capture>));
}

}  // namespace lapidary
