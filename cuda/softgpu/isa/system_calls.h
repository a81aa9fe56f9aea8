// Functions that CUDA's device runtime provides: vprintf, malloc, free, __assertfail.
#pragma once

#include <string_view>

#include "../machine/warp.h"

namespace softgpu {

/// Runs one lane's call; arguments are 64-bit values read by the caller (32-bit ones widened).
/// Returns the result. Throws Fault for a failed assertion.
std::uint64_t system_call(Warp& warp, std::uint32_t lane, std::string_view name,
                          const std::uint64_t* arguments);
/// True if there is a system call of that name.
bool is_system_call(std::string_view name);

}  // namespace softgpu
