#pragma once

#include "bindings/environment.h"

namespace lapidary {

/// installSignalHandlers, removeSignalHandlers, receivedSignal.
void export_signal_bindings(Napi::Env env, Napi::Object exports);

}  // namespace lapidary
