// Least-significant-digit radix sort of keys with values, 4 bits a pass: count, scan, scatter.
//
// Within a tile keys are ranked by warp ballots, stably. Proves ballots used as data, lane masks, many small
// launches that depend on each other, and swapped buffers.
#include <cuda_runtime.h>

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32, kDigits = 16;

__device__ unsigned digit_of(unsigned key, int shift) { return (key >> shift) & (kDigits - 1); }

/// Lanes of this warp whose digit is mine.
__device__ unsigned peers(unsigned digit, unsigned present) {
  unsigned same = present;
  for (int bit = 0; bit < 4; ++bit) {
    const bool set = (digit >> bit) & 1;
    const unsigned with = __ballot_sync(0xffffffffu, set);
    same &= set ? with : ~with;
  }
  return same;
}

}  // namespace

// counts[digit][block]
extern "C" __global__ void count_digits(const unsigned* keys, int count, int shift, unsigned* counts) {
  __shared__ unsigned histogram[kDigits];
  if (threadIdx.x < kDigits) histogram[threadIdx.x] = 0;
  __syncthreads();
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < count) atomicAdd(&histogram[digit_of(keys[i], shift)], 1u);
  __syncthreads();
  if (threadIdx.x < kDigits) counts[threadIdx.x * gridDim.x + blockIdx.x] = histogram[threadIdx.x];
}

// Exclusive, in place, by one warp.
extern "C" __global__ void scan_counts(unsigned* counts, int count) {
  unsigned carry = 0;
  for (int base = 0; base < count; base += 32) {
    const int i = base + threadIdx.x;
    const unsigned own = i < count ? counts[i] : 0;
    unsigned sum = own;
    for (int offset = 1; offset < 32; offset *= 2) {
      const unsigned before = __shfl_up_sync(0xffffffffu, sum, offset);
      if (threadIdx.x >= offset) sum += before;
    }
    if (i < count) counts[i] = carry + sum - own;
    carry += __shfl_sync(0xffffffffu, sum, 31);
  }
}

extern "C" __global__ void scatter(const unsigned* keys, const unsigned* values, int count, int shift,
                                   const unsigned* offsets, unsigned* sorted_keys, unsigned* sorted_values) {
  __shared__ unsigned warp_counts[kWarps][kDigits];
  const int i = blockIdx.x * kThreads + threadIdx.x, warp = threadIdx.x / 32;
  const bool present = i < count;
  const unsigned key = present ? keys[i] : 0;
  const unsigned digit = digit_of(key, shift);
  const unsigned same = peers(digit, __ballot_sync(0xffffffffu, present));
  unsigned below;
  asm("mov.u32 %0, %%lanemask_lt;" : "=r"(below));
  const unsigned rank_in_warp = __popc(same & below);

  if (threadIdx.x < kWarps * kDigits) warp_counts[threadIdx.x / kDigits][threadIdx.x % kDigits] = 0;
  __syncthreads();
  if (present && rank_in_warp == 0) warp_counts[warp][digit] = __popc(same);
  __syncthreads();
  if (!present) return;
  unsigned place = offsets[digit * gridDim.x + blockIdx.x] + rank_in_warp;
  for (int w = 0; w < warp; ++w) place += warp_counts[w][digit];
  sorted_keys[place] = key;
  sorted_values[place] = values[i];
}
