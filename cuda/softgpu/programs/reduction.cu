// Sums: warp shuffles, then shared memory; and one launch in which the last block to finish adds the blocks'
// sums.
//
// Proves shfl.down, shared memory between barriers, a grid-stride loop, and the pattern of __threadfence and
// an atomic ticket by which one block may read what the others wrote.
#include <cuda_runtime.h>

namespace {

template <class T>
__device__ T warp_sum(T value) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(0xffffffffu, value, offset);
  return value;
}

/// The sum over the block, in thread 0. `partial` holds a value for each warp.
template <class T>
__device__ T block_sum(T value, T* partial) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = (blockDim.x + 31) / 32;
  value = warp_sum(value);
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  if (warp == 0) value = warp_sum(lane < warps ? partial[lane] : T(0));
  return value;
}

template <class T>
__device__ T thread_sum(const T* x, int count) {
  T sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) sum += x[i];
  return sum;
}

}  // namespace

extern "C" __global__ void sum_of_blocks(const long long* x, int count, long long* sums) {
  __shared__ long long partial[32];
  const long long sum = block_sum(thread_sum(x, count), partial);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// A tree in shared memory, with no shuffles; the block's size is a power of two.
extern "C" __global__ void sum_by_tree(const int* x, int count, int* sums) {
  extern __shared__ int tree[];
  tree[threadIdx.x] = thread_sum(x, count);
  __syncthreads();
  for (unsigned width = blockDim.x / 2; width > 0; width /= 2) {
    if (threadIdx.x < width) tree[threadIdx.x] += tree[threadIdx.x + width];
    __syncthreads();
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = tree[0];
}

extern "C" __global__ void sum_by_last_block(const float* x, int count, float* sums, unsigned* tickets,
                                             float* total) {
  __shared__ float partial[32];
  __shared__ bool last;
  const float sum = block_sum(thread_sum(x, count), partial);
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = sum;
    __threadfence();
    last = atomicInc(tickets, gridDim.x - 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (!last) return;
  float rest = 0;
  for (unsigned i = threadIdx.x; i < gridDim.x; i += blockDim.x) rest += sums[i];
  __syncthreads();
  rest = block_sum(rest, partial);
  if (threadIdx.x == 0) *total = rest;
}
