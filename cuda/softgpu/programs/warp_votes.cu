// Votes, matches and reductions over a warp, whole and in parts, and the registers that name lanes.
//
// Proves vote.all/any/uni/ballot, match.any/all, redux, activemask within its promise, shfl in segments of 8,
// and masks that are different in the two arms of a branch.
#include <cuda_runtime.h>

constexpr int kResults = 16;

// y[result][i]; every warp is full
extern "C" __global__ void votes(const int* x, unsigned* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int value = x[i];
  const unsigned lane = threadIdx.x % 32, all = 0xffffffffu;
  unsigned results[kResults];
  results[0] = __ballot_sync(all, value > 0);
  results[1] = __all_sync(all, value > -90);
  results[2] = __any_sync(all, value > 90);
  results[3] = __uni_sync(all, value > -95);
  results[4] = __match_any_sync(all, value / 40);
  int same;
  results[5] = __match_all_sync(all, value / 200, &same);
  results[6] = same;
  results[7] = __reduce_add_sync(all, value);
  results[8] = __reduce_min_sync(all, value);
  results[9] = __reduce_max_sync(all, static_cast<unsigned>(value));
  results[10] = __reduce_xor_sync(all, static_cast<unsigned>(value));
  // Segments of 8: the lane named is taken modulo 8, and a source outside leaves the own value.
  results[11] = __shfl_sync(all, value, lane + 3, 8);
  results[12] = __shfl_down_sync(all, value, 5, 8);
  if (lane % 3 == 0) {
    results[13] = __reduce_or_sync(0x49249249u, static_cast<unsigned>(value));
    results[14] = __ballot_sync(0x49249249u, value % 2 == 0);
  } else {
    results[13] = __reduce_and_sync(0xb6db6db6u, static_cast<unsigned>(value));
    results[14] = __match_any_sync(0xb6db6db6u, value % 2);
  }
  unsigned less, greater, active;
  asm("mov.u32 %0, %%lanemask_le;" : "=r"(less));
  asm("mov.u32 %0, %%lanemask_gt;" : "=r"(greater));
  active = __activemask();
  results[15] =
      (less ^ greater) == all && (active >> lane & 1) != 0 && __popc(less) == static_cast<int>(lane) + 1;
  for (int result = 0; result < kResults; ++result) y[result * count + i] = results[result];
}
