// Asynchronous copies from global to shared memory (sm_80). A thread sees its own copies after
// wait_for_copies(), the block after a barrier behind that.
#pragma once

#include <cstdint>

/// Copies Elements (1 or 4, aligned so) floats, or zeroes them without reading where `present` is false.
template <int Elements>
__device__ inline void copy_async(float* shared, const float* global, bool present) {
  const auto to = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  const auto from = __cvta_generic_to_global(global);
  constexpr int kBytes = 4 * Elements;
  // 16 bytes bypass L1 (cg); 4 bytes cannot.
  if constexpr (Elements == 4) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
                 "r"(present ? kBytes : 0)
                 : "memory");
  } else {
    static_assert(Elements == 1);
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from),
                 "r"(present ? kBytes : 0)
                 : "memory");
  }
}

__device__ inline void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }
