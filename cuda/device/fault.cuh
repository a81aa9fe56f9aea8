// Faults that depend on data: the first in the order of positions is reported, whatever the order of threads.
#pragma once

#include <cstdint>

/// All ones: no fault.
using FaultWord = unsigned long long;

/// `position` of the element in its operand (below 2^32 - 1), and its value. The host words the error.
__device__ inline void report_fault(FaultWord* word, uint32_t position, int32_t value) {
  atomicMin(word, static_cast<FaultWord>(position) << 32 | static_cast<uint32_t>(value));
}
