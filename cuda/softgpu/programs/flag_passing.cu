// Producers and consumers in different blocks: data written plainly, then announced by a flag; with
// __threadfence and a volatile flag, with st.release and ld.acquire, and with a ring of slots that are used
// again.
//
// Proves that fences and release/acquire order plain accesses between blocks that wait for each other.
#include <cuda_runtime.h>

namespace {

__device__ void store_release(int* address, int value) {
  asm volatile("st.release.gpu.global.s32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}

__device__ int load_acquire(const int* address) {
  int value;
  asm volatile("ld.acquire.gpu.global.s32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
  return value;
}

}  // namespace

// A chain: block b adds its own values to what block b - 1 announced. Order by ticket, so that every schedule
// ends.
extern "C" __global__ void chain_by_fences(const int* x, int* sums, volatile int* flags, unsigned* ticket) {
  __shared__ unsigned mine;
  if (threadIdx.x == 0) mine = atomicAdd(ticket, 1u);
  __syncthreads();
  const int block = static_cast<int>(mine), i = threadIdx.x;
  int before = 0;
  if (block > 0) {
    if (i == 0) {
      while (flags[block - 1] == 0) {
      }
      __threadfence();
    }
    __syncthreads();
    before = sums[(block - 1) * blockDim.x + i];
  }
  sums[block * blockDim.x + i] = before + x[block * blockDim.x + i];
  __syncthreads();
  if (i == 0) {
    __threadfence();
    flags[block] = 1;
  }
}

// Two blocks and a ring of four slots: the first fills, the second drains; each waits for the other's count.
extern "C" __global__ void ring(const int* x, int* y, int rounds, int* slots, int* filled, int* drained,
                                unsigned* ticket) {
  __shared__ unsigned mine;
  if (threadIdx.x == 0) mine = atomicAdd(ticket, 1u);
  __syncthreads();
  const int threads = blockDim.x, i = threadIdx.x;
  for (int round = 0; round < rounds; ++round) {
    int* slot = slots + round % 4 * threads;
    if (i == 0) {
      if (mine == 0) {
        while (load_acquire(drained) < round - 3) {
        }
      } else {
        while (load_acquire(filled) <= round) {
        }
      }
    }
    __syncthreads();
    if (mine == 0) {
      slot[i] = x[round * threads + i] * 3;
    } else {
      y[round * threads + i] = slot[i] + 1;
    }
    __syncthreads();
    if (i == 0) store_release(mine == 0 ? filled : drained, round + 1);
  }
}
