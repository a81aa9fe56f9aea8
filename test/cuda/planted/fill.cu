// A kernel with a planted fault: it writes beyond its tensor. See failing-device.test.ts.
#include "kernels/fill.h"

extern "C" __global__ void fill(const FillParameters p) {
  p.y[p.count + (int64_t{1} << 28) + threadIdx.x] = p.value;
}
