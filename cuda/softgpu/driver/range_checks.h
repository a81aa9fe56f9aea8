// What copies and memsets check of the device memory they touch: that it is there, that its writers and
// readers are ordered before, that somebody wrote what goes out to the host.
#pragma once

#include <cstdint>

#include "driver.h"

namespace softgpu {

/// Throws CallError 1 with a `bounds` finding unless [address, address + bytes) lies in one live allocation.
void check_range(Driver& driver, DeviceAddress address, std::uint64_t bytes, const char* what);

enum class Access : std::uint8_t { read, write };

/// Checks the race records of a range against what is over for `work`, and leaves its own. Conflicts are
/// `unordered` findings that kill the context.
void touch(Driver& driver, Context& context, const Work& work, DeviceAddress address, std::uint64_t bytes,
           Access access);

/// An `uninitialised` finding if part of a range that goes to the host was never written.
void check_written(Driver& driver, Context& context, const Work& work, DeviceAddress address,
                   std::uint64_t bytes);

}  // namespace softgpu
