#pragma once

#include "bindings/environment.h"

namespace lapidary {

/// beginCapture, pauseCapture, endCapture, abandonCapture, replay, releaseCapture.
void export_capture_bindings(Napi::Env env, Napi::Object exports);

}  // namespace lapidary
