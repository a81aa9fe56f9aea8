// What kernels did on a CUDA device in software (cuda/softgpu/driver/softgpu.h), which counts every access.
#pragma once

#include <string>

namespace lapidary::cuda {

/// Of all launches since the last clear: a JSON object by the name of the __global__ function. Throws
/// ERR_UNSUPPORTED for a driver that does not count, ERR_DEVICE when there is none.
std::string software_counters();
/// Throws as `software_counters`.
void clear_software_counters();

}  // namespace lapidary::cuda
