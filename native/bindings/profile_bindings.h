#pragma once

#include "bindings/environment.h"

namespace lapidary {

/// beginProfile, endProfile.
void export_profile_bindings(Napi::Env env, Napi::Object exports);

}  // namespace lapidary
