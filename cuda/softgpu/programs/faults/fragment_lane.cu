// The fragments of A are read with the two column groups swapped: registers 2 and 1 change places, so that
// products pair different k.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const float* a, const float* b, float* c) {
  const int g = threadIdx.x / 4, q = threadIdx.x % 4;
  unsigned x[4], y[2];
  for (int r = 0; r < 4; ++r) x[r] = __float_as_uint(a[(g + 8 * (r / 2)) * 8 + q + 4 * (r % 2)]);
  for (int r = 0; r < 2; ++r) y[r] = __float_as_uint(b[(q + 4 * r) * 8 + g]);
  float d[4] = {};
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));  // FAULT
  for (int r = 0; r < 4; ++r) c[(g + 8 * (r / 2)) * 8 + 2 * q + r % 2] = d[r];
}
