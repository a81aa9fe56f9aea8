// A counter that all blocks add to atomically and the first block reads plainly in the same launch.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(unsigned* counter, unsigned* y) {
  unsigned before;
  asm volatile("atom.global.add.u32 %0, [%1], 1;" : "=r"(before) : "l"(counter) : "memory");  // FAULT
  if (blockIdx.x == 0 && threadIdx.x == 0) *y = *counter + before;                            // FAULT
}
