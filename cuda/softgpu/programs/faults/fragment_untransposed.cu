// B lies in shared memory row by row and comes by ldmatrix without .trans: lanes hold its elements with k and
// n exchanged.
#include "../async_copy.cuh"

extern "C" __global__ void kernel(const unsigned short* a, const unsigned short* b, float* c) {
  __shared__ __align__(16) unsigned short tiles[2][16][16];
  const int lane = threadIdx.x, row = lane % 16, half = lane / 16 * 8;
  copy_async<16>(&tiles[0][row][half], a + row * 16 + half, 16);
  copy_async<16>(&tiles[1][row][half], b + row * 16 + half, 16);
  commit_copies();
  wait_copies<0>();
  __syncwarp();
  unsigned x[4], y[4];
  load_matrices(x, &tiles[0][row][half]);
  load_matrices(y, &tiles[1][row][half]);
  float d[4] = {};
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));  // FAULT
  for (int r = 0; r < 4; ++r) c[(lane / 4 + 8 * (r / 2)) * 8 + 2 * (lane % 4) + r % 2] = d[r];
}
