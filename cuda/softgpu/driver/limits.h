// Whether a launch fits the architecture, and how many of its blocks a multiprocessor holds.
#pragma once

#include <cstdint>

#include "../machine/architecture.h"
#include "../machine/launch.h"
#include "../machine/program.h"
#include "driver.h"

namespace softgpu {

/// 32-bit registers of a thread: the most that live at once, at most what the kernel's launch bounds leave (a
/// compiler spills the rest). ptxas may need a few more; it never needs fewer without spilling.
std::uint32_t registers_of(const Architecture& architecture, const Kernel& kernel);

/// Threads of a block that .maxntid or the registers allow.
std::uint32_t most_threads(const Architecture& architecture, const Kernel& kernel);

/// Bytes of dynamic shared memory a launch may ask for: what cuFuncSetAttribute has allowed.
std::uint32_t most_dynamic_shared(const Architecture& architecture, const Kernel& kernel);

/// Blocks of `threads` threads that are resident on a multiprocessor at once (CUDA occupancy rules: threads,
/// blocks, registers in units of 256 a warp, shared memory in units of 128 bytes with the reserved part).
std::uint32_t resident_blocks(const Architecture& architecture, const Kernel& kernel, std::uint32_t threads,
                              std::uint64_t dynamic_shared);

/// Throws CallError 1, 701 or 720 and leaves a `limit` finding that names the number.
void check_limits(Driver& driver, const Launch& launch);

}  // namespace softgpu
