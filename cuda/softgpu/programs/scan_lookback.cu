// Inclusive prefix sum of an array in one pass: decoupled look-back (Merrill, Garland 2016).
//
// A block takes the next tile by an atomic ticket, publishes its sum, and adds up what the tiles before it
// have published, waiting where they have not. Status and value share one 64-bit word, so no fence is needed.
// Proves that blocks waiting for others make progress under every schedule.
#include <cuda_runtime.h>

namespace {

constexpr int kThreads = 128, kValuesPerThread = 4, kTile = kThreads * kValuesPerThread;

enum Status : unsigned { kNothing = 0, kTileSum = 1, kPrefix = 2 };

__device__ void publish(unsigned long long* word, Status status, unsigned value) {
  const unsigned long long bits = (static_cast<unsigned long long>(status) << 32) | value;
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(word), "l"(bits) : "memory");
}

__device__ unsigned long long look(const unsigned long long* word) {
  unsigned long long bits;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(bits) : "l"(word) : "memory");
  return bits;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads)
    scan(const unsigned* x, unsigned* y, int count, unsigned* ticket, unsigned long long* tiles) {
  __shared__ unsigned tile_shared, before_shared, ends[kThreads / 32];
  if (threadIdx.x == 0) tile_shared = atomicAdd(ticket, 1u);
  __syncthreads();
  const unsigned tile = tile_shared;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

  const int first = tile * kTile + threadIdx.x * kValuesPerThread;
  unsigned values[kValuesPerThread], sum = 0;
  for (int i = 0; i < kValuesPerThread; ++i) {
    sum += first + i < count ? x[first + i] : 0;
    values[i] = sum;
  }
  unsigned scanned = sum;
  for (int offset = 1; offset < 32; offset *= 2) {
    const unsigned before = __shfl_up_sync(0xffffffffu, scanned, offset);
    if (lane >= offset) scanned += before;
  }
  if (lane == 31) ends[warp] = scanned;
  __syncthreads();
  unsigned before = scanned - sum, total = 0;
  for (int i = 0; i < kThreads / 32; ++i) {
    if (i < warp) before += ends[i];
    total += ends[i];
  }

  // The first warp looks back, 32 tiles at a time.
  if (warp == 0) {
    if (lane == 0) publish(tiles + tile, tile == 0 ? kPrefix : kTileSum, total);
    unsigned prefix = 0;
    for (int end = static_cast<int>(tile) - 1; end >= 0; end -= 32) {
      const int other = end - lane;
      unsigned long long word = static_cast<unsigned long long>(kPrefix) << 32;
      if (other >= 0) {
        while (((word = look(tiles + other)) >> 32) == kNothing) {
        }
      }
      const unsigned ready = __ballot_sync(0xffffffffu, (word >> 32) == kPrefix);
      const int nearest = ready == 0 ? 31 : __ffs(ready) - 1;
      unsigned part = lane <= nearest ? static_cast<unsigned>(word) : 0;
      for (int offset = 16; offset > 0; offset /= 2) part += __shfl_xor_sync(0xffffffffu, part, offset);
      prefix += part;
      if (ready != 0) break;
    }
    if (lane == 0) {
      if (tile > 0) publish(tiles + tile, kPrefix, prefix + total);
      before_shared = prefix;
    }
  }
  __syncthreads();
  before += before_shared;
  for (int i = 0; i < kValuesPerThread; ++i) {
    if (first + i < count) y[first + i] = before + values[i];
  }
}
