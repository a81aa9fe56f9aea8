// Loads and stores with every cache operator, atomics of every scope, reductions without a result, fences,
// and questions about the space of a generic pointer; clocks that only grow.
//
// Proves the hints to be hints, isspacep and cvta, red, fence.sc, nanosleep in a wait, and the timers.
#include <cuda_runtime.h>

extern "C" __global__ void cache_operators(const float* x, float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const float sum =
      __ldca(x + i) + 2 * __ldcg(x + i) + 3 * __ldcs(x + i) + 4 * __ldlu(x + i) + 5 * __ldcv(x + i);
  __stwb(y + i, sum);
  __stcg(y + count + i, sum + 1);
  __stcs(y + 2 * count + i, sum + 2);
  __stwt(y + 3 * count + i, sum + 3);
  const float2 pair = __ldcg(reinterpret_cast<const float2*>(x) + i / 2);
  y[4 * count + i] = i % 2 == 0 ? pair.x : pair.y;
}

namespace {

/// 1 global, 2 shared, 4 local, of any pointer.
__device__ __noinline__ int space_of(const void* pointer) {
  return __isGlobal(pointer) + 2 * __isShared(pointer) + 4 * __isLocal(pointer);
}

__device__ int global_value = 6;

}  // namespace

extern "C" __global__ void spaces(int* y) {
  __shared__ int shared_value;
  int local_value[2] = {static_cast<int>(threadIdx.x), 7};
  const void* pointers[3] = {&global_value, &shared_value, &local_value[threadIdx.x % 2]};
  if (threadIdx.x == 0) shared_value = 8;
  __syncthreads();
  const void* mine = pointers[threadIdx.x % 3];
  y[2 * threadIdx.x] = space_of(mine);
  y[2 * threadIdx.x + 1] = *static_cast<const int*>(mine);
}

extern "C" __global__ void scopes(unsigned* sums, unsigned long long* wide, float* reals) {
  const unsigned i = threadIdx.x;
  atomicAdd_block(sums + blockIdx.x, i);
  atomicAdd_system(sums + gridDim.x, i);
  atomicMax_system(sums + gridDim.x + 1, i * 3 + blockIdx.x);
  asm volatile("red.relaxed.gpu.global.add.u32 [%0], %1;" ::"l"(sums + gridDim.x + 2), "r"(i + 1) : "memory");
  asm volatile("red.global.xor.b32 [%0], %1;" ::"l"(sums + gridDim.x + 3), "r"(i * blockIdx.x) : "memory");
  asm volatile("red.global.add.u64 [%0], %1;" ::"l"(wide), "l"(static_cast<unsigned long long>(i) << 30)
               : "memory");
  asm volatile("red.global.add.f32 [%0], %1;" ::"l"(reals), "f"(static_cast<float>(i % 8)) : "memory");
}

// Two blocks hand a token to and fro `turns` times through one word, sleeping while it is the other's.
extern "C" __global__ void ping_pong(volatile unsigned* token, int turns, unsigned* ticket,
                                     long long* clocks) {
  if (threadIdx.x != 0) return;
  const unsigned mine = atomicAdd(ticket, 1u);
  const long long cycles = clock64();
  unsigned long long before, after;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(before));
  for (int turn = 0; turn < turns; ++turn) {
    while (*token % 2 != mine) __nanosleep(50);
    asm volatile("fence.sc.gpu;" ::: "memory");
    *token = *token + 1;
    __threadfence_system();
  }
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(after));
  clocks[2 * mine] = clock64() - cycles;
  clocks[2 * mine + 1] = static_cast<long long>(after - before);
}
