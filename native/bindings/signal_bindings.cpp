#include "bindings/signal_bindings.h"

#include "core/stop_signals.h"

namespace lapidary {
namespace {

Napi::Value install(const Napi::CallbackInfo& info, Environment&) {
  install_stop_signals();
  return info.Env().Undefined();
}

Napi::Value remove(const Napi::CallbackInfo& info, Environment&) {
  remove_stop_signals();
  return info.Env().Undefined();
}

Napi::Value received(const Napi::CallbackInfo& info, Environment&) {
  const char* name = received_stop_signal();
  return Napi::String::New(info.Env(), name ? name : "");
}

}  // namespace

void export_signal_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("installSignalHandlers", Napi::Function::New(env, guarded<install, false>));
  exports.Set("removeSignalHandlers", Napi::Function::New(env, guarded<remove, false>));
  exports.Set("receivedSignal", Napi::Function::New(env, guarded<received, false>));
}

}  // namespace lapidary
