// Producer and consumers with cuda::barrier: arrive and wait are apart, so a producer's warp fills the next
// buffer while consumers still read the last one; both roles also share a warp in the second kernel.
//
// Proves mbarrier.init, arrive, arrive_drop and test_wait, phases over many rounds, order that goes through
// an mbarrier alone, and waits that other lanes of the same warp must end.
#include <cuda_runtime.h>
#include <cuda/barrier>

#include <new>

namespace {

using Barrier = cuda::barrier<cuda::thread_scope_block>;
constexpr int kBuffers = 2;

// Threads below `kProducers` fill a buffer of `kWidth`, those above use it. Its barriers: full, and empty.
template <int kProducers, int kWidth>
__device__ void produce_and_consume(const int* x, int* y, int rounds) {
  __shared__ alignas(Barrier) unsigned char memory[2 * kBuffers * sizeof(Barrier)];
  __shared__ int buffers[kBuffers][kWidth];
  Barrier* const full = reinterpret_cast<Barrier*>(memory);
  Barrier* const empty = full + kBuffers;
  const int all = kProducers + kWidth;
  if (threadIdx.x < 2 * kBuffers) init(full + threadIdx.x, all);
  __syncthreads();
  if (threadIdx.x < kProducers) {
    for (int round = 0; round < rounds; ++round) {
      const int buffer = round % kBuffers;
      empty[buffer].arrive_and_wait();
      for (int i = threadIdx.x; i < kWidth; i += kProducers) buffers[buffer][i] = x[round * kWidth + i];
      static_cast<void>(full[buffer].arrive());
    }
    for (int buffer = 0; buffer < kBuffers; ++buffer) empty[buffer].arrive_and_drop();
    return;
  }
  const int i = threadIdx.x - kProducers;
  for (int buffer = 0; buffer < kBuffers; ++buffer) static_cast<void>(empty[buffer].arrive());
  for (int round = 0; round < rounds; ++round) {
    const int buffer = round % kBuffers;
    full[buffer].arrive_and_wait();
    y[round * kWidth + i] = buffers[buffer][i] - 3 * buffers[buffer][kWidth - 1 - i];
    if (round + kBuffers < rounds) static_cast<void>(empty[buffer].arrive());
  }
  // The last round has no work for the odd threads: they leave the barrier, the others meet there.
  if (i % 2 != 0) {
    full[0].arrive_and_drop();
    return;
  }
  static_cast<void>(full[0].arrive());
}

}  // namespace

// y[round][i] = x[round][i] - 3 x[round][width - 1 - i]
extern "C" __global__ void __launch_bounds__(160) warps(const int* x, int* y, int rounds) {
  produce_and_consume<32, 128>(x, y, rounds);
}

// The same with both roles in one warp.
extern "C" __global__ void __launch_bounds__(32) lanes(const int* x, int* y, int rounds) {
  produce_and_consume<8, 24>(x, y, rounds);
}

// Sums by tree where only those that still add take part in the barrier: each step half of them drop.
extern "C" __global__ void __launch_bounds__(256) shrinking(const int* x, int* y) {
  __shared__ alignas(Barrier) unsigned char memory[sizeof(Barrier)];
  __shared__ int sums[256];
  Barrier& barrier = *reinterpret_cast<Barrier*>(memory);
  const int i = threadIdx.x;
  if (i == 0) init(&barrier, 256);
  __syncthreads();
  sums[i] = x[blockIdx.x * 256 + i];
  for (int half = 128; half > 0; half /= 2) {
    if (i >= half) {
      barrier.arrive_and_drop();
      return;
    }
    barrier.arrive_and_wait();
    sums[i] += sums[i + half];
  }
  y[blockIdx.x] = sums[0];
  barrier.~Barrier();
}
