#pragma once

#include "bindings/environment.h"

namespace lapidary {

/// kernels, kernelProblem, kernelOperands, kernelImplementations, runKernel, timeKernel,
/// softwareCounters, clearSoftwareCounters.
void export_kernel_bindings(Napi::Env env, Napi::Object exports);

}  // namespace lapidary
