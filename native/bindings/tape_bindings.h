#pragma once

#include "bindings/environment.h"

namespace lapidary {

/// backward, grad, recordCustom.
void export_tape_bindings(Napi::Env env, Napi::Object exports);

}  // namespace lapidary
