#pragma once

#include "bindings/environment.h"

namespace lapidary {

/// kernels, kernelOperands, kernelImplementations, runKernel.
void export_kernel_bindings(Napi::Env env, Napi::Object exports);

}  // namespace lapidary
