// Where the state spaces lie in the generic address space.
//
// Global and constant memory are addresses of one reserved arena (device_memory.h). Shared and local memory,
// entry parameters and functions have windows of their own above every address a host process can map, so
// that a generic access is told apart by its top byte and a host that dereferences one faults.
#pragma once

#include <cstdint>

namespace softgpu {

using DeviceAddress = std::uint64_t;

inline constexpr std::uint64_t kSharedWindow =
    0x0200'0000'0000'0000;  ///< + offset in the block's shared memory
inline constexpr std::uint64_t kLocalWindow = 0x0300'0000'0000'0000;  ///< + offset in the lane's local memory
inline constexpr std::uint64_t kParamWindow = 0x0400'0000'0000'0000;  ///< + offset in the entry's parameters
inline constexpr std::uint64_t kFunctionWindow =
    0x0500'0000'0000'0000;  ///< + index of the function in its module

enum class Window : std::uint8_t { global = 0, shared = 2, local = 3, param = 4, function = 5 };

inline Window window_of(DeviceAddress address) { return static_cast<Window>(address >> 56); }
inline std::uint64_t offset_in_window(DeviceAddress address) { return address & 0x00ff'ffff'ffff'ffff; }

}  // namespace softgpu
