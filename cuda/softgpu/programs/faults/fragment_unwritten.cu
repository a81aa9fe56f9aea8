// The shared tile that fragments of B come from was filled in its first half only.
#include <cuda_runtime.h>

extern "C" __global__ void kernel(const float* a, const float* b, float* c) {
  __shared__ float tile[8][8];
  const int g = threadIdx.x / 4, q = threadIdx.x % 4;
  tile[threadIdx.x / 8][threadIdx.x % 8] = b[threadIdx.x];
  __syncwarp();
  unsigned x[4], y[2];
  for (int r = 0; r < 4; ++r) x[r] = __float_as_uint(a[(g + 8 * (r % 2)) * 8 + q + 4 * (r / 2)]);
  for (int r = 0; r < 2; ++r) y[r] = __float_as_uint(tile[q + 4 * r][g]);
  float d[4] = {};
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));  // FAULT
  for (int r = 0; r < 4; ++r) c[(g + 8 * (r / 2)) * 8 + 2 * q + r % 2] = d[r];
}
