// Tensors as arguments and results: what JavaScript holds of them are handles.
#pragma once

#include "bindings/arguments.h"
#include "bindings/environment.h"

namespace lapidary {

inline const Tensor& tensor_argument(const Napi::CallbackInfo& info, Environment& environment, size_t index,
                                     const char* name) {
  return environment.handles.at(number_argument(info, index, name));
}

/// A handle that may be 0.
inline Tensor optional_tensor(Environment& environment, double handle) {
  return handle == 0 ? Tensor() : environment.handles.at(handle);
}

inline Napi::Value handle_value(Napi::Env env, Environment& environment, const Tensor& tensor) {
  return Napi::Number::New(env, tensor ? environment.handles.add(tensor) : 0);
}

}  // namespace lapidary
