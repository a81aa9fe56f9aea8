// How long work would take: the model behind event times. Deterministic, and no prediction of a card's clock:
// a lower bound by the busiest resource plus a fixed cost a call.
#pragma once

#include <cstdint>

#include "../check/counters.h"
#include "../machine/architecture.h"
#include "operation.h"

namespace softgpu {

/// Nanoseconds of a launch: 2,000 plus the largest of
/// - 32 bytes a global sector over the memory's peak (no cache is modelled),
/// - warp instructions over four schedulers a multiprocessor, f32 lane operations over its lanes,
/// - passes over shared memory over one a clock, mma FLOPs over the tensor cores' peak,
/// on as many multiprocessors as there are blocks. Other streams do not slow it down.
double kernel_nanoseconds(const Architecture& architecture, const KernelCounters& counters,
                          std::uint64_t blocks);

/// Nanoseconds of a copy: 2,000 plus bytes over 25 GB/s for page-locked host memory (PCIe 4.0 x16), over 12
/// GB/s for pageable, over half the memory's peak inside the device.
double copy_nanoseconds(const Architecture& architecture, const CopyOperation& copy, bool page_locked);

/// Nanoseconds of a memset: 2,000 plus bytes over the memory's peak.
double fill_nanoseconds(const Architecture& architecture, const FillOperation& fill);

}  // namespace softgpu
