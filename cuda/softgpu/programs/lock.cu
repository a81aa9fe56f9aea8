// Spin locks that lanes of one warp and threads of many blocks contend for, with a done flag so that the
// winner's work is inside the loop; one lock in global memory, and one in shared memory.
//
// Proves that a spin which hardware ends also ends here, and that a lock orders the plain accesses it
// protects.
#include <cuda_runtime.h>

struct Account {
  int count;
  unsigned long long sum;
  unsigned last;
};

extern "C" __global__ void under_global_lock(const unsigned* x, int count, int* lock, Account* account) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  bool done = i >= count;
  while (!done) {
    if (atomicCAS(lock, 0, 1) == 0) {
      __threadfence();
      account->count += 1;
      account->sum += x[i];
      account->last = x[i];
      __threadfence();
      atomicExch(lock, 0);
      done = true;
    }
  }
}

// The longest chain: each thread pushes itself on the list of its bucket.
extern "C" __global__ void under_shared_locks(const int* buckets, int* heads, int* next, int* lengths) {
  __shared__ int locks[4], head[4], length[4];
  if (threadIdx.x < 4) {
    locks[threadIdx.x] = 0;
    head[threadIdx.x] = -1;
    length[threadIdx.x] = 0;
  }
  __syncthreads();
  const int i = blockIdx.x * blockDim.x + threadIdx.x, bucket = buckets[i];
  for (bool done = false; !done;) {
    if (atomicCAS(&locks[bucket], 0, 1) == 0) {
      __threadfence_block();
      next[i] = head[bucket];
      head[bucket] = i;
      ++length[bucket];
      __threadfence_block();
      atomicExch(&locks[bucket], 0);
      done = true;
    }
  }
  __syncthreads();
  if (threadIdx.x < 4) {
    heads[blockIdx.x * 4 + threadIdx.x] = head[threadIdx.x];
    lengths[blockIdx.x * 4 + threadIdx.x] = length[threadIdx.x];
  }
}
