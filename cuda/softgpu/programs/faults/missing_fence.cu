// A block writes data and raises a flag, another waits for the flag and reads the data: no fence on either
// side.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(int* data, volatile int* flag, int* y, unsigned* ticket) {
  unsigned mine;
  asm volatile("atom.global.add.u32 %0, [%1], 1;" : "=r"(mine) : "l"(ticket) : "memory");
  if (mine == 0) {
    *data = 42;  // FAULT
    *flag = 1;
  } else {
    while (*flag == 0) {
    }
    *y = *data;  // FAULT
  }
}
