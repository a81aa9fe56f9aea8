// The CPU backend: host memory, the worker pool, and one kernel table per instruction set.
#pragma once

#include <memory>

#include "backend.h"

namespace lapidary::cpu {

std::unique_ptr<Backend> make_cpu_backend();

/// Instruction sets that this processor runs and this build has, widest first.
std::vector<const char*> available_isas();

/// ref<double> of a kernel: for tests, on host arrays of doubles.
Implementation reference64(KernelId id);

}  // namespace lapidary::cpu
