// Warp-specialised producer and consumers: two warps fill buffers, four use them, and numbered barriers with
// counts (bar.sync and bar.arrive) hand each buffer over and back.
//
// Proves partial barriers reached from different instructions, arrival without waiting, and several barriers
// at once.
#include <cuda_runtime.h>

namespace {

constexpr int kProducers = 64, kConsumers = 128, kAll = kProducers + kConsumers, kBuffers = 2;
enum Barrier { kFull = 1, kEmpty = kFull + kBuffers, kConsumersOnly = kEmpty + kBuffers };

__device__ void wait(int barrier, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}
__device__ void arrive(int barrier, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

}  // namespace

// y[tile] = sum over i of x[tile][i] * x[tile][kConsumers - 1 - i], and z[tile][i] = neighbours' sum
extern "C" __global__ void __launch_bounds__(kAll) pipeline(const int* x, int* y, int* z, int tiles) {
  __shared__ int buffers[kBuffers][kConsumers];
  __shared__ int sums[kConsumers / 32];
  if (threadIdx.x < kProducers) {
    for (int tile = blockIdx.x, turn = 0; tile < tiles; tile += gridDim.x, ++turn) {
      const int buffer = turn % kBuffers;
      if (turn >= kBuffers) wait(kEmpty + buffer, kAll);
      for (int i = threadIdx.x; i < kConsumers; i += kProducers)
        buffers[buffer][i] = x[tile * kConsumers + i];
      __threadfence_block();
      arrive(kFull + buffer, kAll);
    }
    return;
  }
  const int i = threadIdx.x - kProducers, lane = i % 32, warp = i / 32;
  const int own_tiles = (tiles - static_cast<int>(blockIdx.x) + gridDim.x - 1) / gridDim.x;
  for (int tile = blockIdx.x, turn = 0; tile < tiles; tile += gridDim.x, ++turn) {
    const int buffer = turn % kBuffers;
    wait(kFull + buffer, kAll);
    const int* values = buffers[buffer];
    int sum = values[i] * values[kConsumers - 1 - i];
    z[tile * kConsumers + i] = values[(i + 1) % kConsumers] + values[(i + kConsumers - 1) % kConsumers];
    // Nobody waits for a buffer that will not be filled again.
    if (turn + kBuffers < own_tiles) arrive(kEmpty + buffer, kAll);
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(0xffffffffu, sum, offset);
    if (lane == 0) sums[warp] = sum;
    wait(kConsumersOnly, kConsumers);
    if (i == 0) {
      int total = 0;
      for (int w = 0; w < kConsumers / 32; ++w) total += sums[w];
      y[tile] = total;
    }
    wait(kConsumersOnly, kConsumers);
  }
}
