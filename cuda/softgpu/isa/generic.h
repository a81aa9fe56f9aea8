// Reads and writes of a lane's memory through a generic address, outside ld and st: strings and arguments of
// calls.
#pragma once

#include <string>

#include "../machine/warp.h"

namespace softgpu {

/// Bytes at a generic address, nullptr (and `why` set) if any of them lies outside every allocation.
std::byte* generic_bytes(Warp& warp, std::uint32_t lane, std::uint64_t address, std::uint64_t bytes,
                         std::string& why);

/// A NUL-terminated string at a generic address, at most 64 KiB; faults when it leaves its allocation.
std::string read_string(Warp& warp, std::uint32_t lane, std::uint64_t address);

}  // namespace softgpu
