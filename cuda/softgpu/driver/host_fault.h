// Names what a host has done when it dereferences a device pointer.
#pragma once

#include "../memory/device_memory.h"

namespace softgpu {

/// From here on a SIGSEGV at an address of `memory` says on stderr which allocation the host touched, before
/// the process dies as it would have (the previous handler runs). The memory must live as long as the
/// process.
void name_host_faults(const DeviceMemory& memory);

}  // namespace softgpu
