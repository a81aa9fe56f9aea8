// Prefix sums of rows, a block a row: by shuffles (inclusive) and by the work-efficient tree of Blelloch
// (exclusive).
//
// Proves shfl.up with lanes that fall off its end, rows that do not fill their last warp, and shared memory
// indexed with padding against bank conflicts.
#include <cuda_runtime.h>

namespace {

__device__ int padded(int index) { return index + index / 32; }

}  // namespace

extern "C" __global__ void inclusive(const int* x, int* y, int columns) {
  __shared__ int ends[32];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int* row = x + static_cast<size_t>(blockIdx.x) * columns;
  const unsigned all = __ballot_sync(0xffffffffu, true);
  int value = static_cast<int>(threadIdx.x) < columns ? row[threadIdx.x] : 0;
  for (int offset = 1; offset < 32; offset *= 2) {
    const int before = __shfl_up_sync(all, value, offset);
    if (lane >= offset) value += before;
  }
  if (lane == 31) ends[warp] = value;
  __syncthreads();
  if (warp == 0) {
    int end = lane < static_cast<int>(blockDim.x / 32) ? ends[lane] : 0;
    for (int offset = 1; offset < 32; offset *= 2) {
      const int before = __shfl_up_sync(0xffffffffu, end, offset);
      if (lane >= offset) end += before;
    }
    ends[lane] = end;
  }
  __syncthreads();
  if (warp > 0) value += ends[warp - 1];
  if (static_cast<int>(threadIdx.x) < columns)
    y[static_cast<size_t>(blockIdx.x) * columns + threadIdx.x] = value;
}

// Two values a thread; `padded(2 * blockDim.x)` words of dynamic shared memory.
extern "C" __global__ void exclusive(const int* x, int* y, int columns) {
  extern __shared__ int tree[];
  const int size = 2 * blockDim.x, thread = threadIdx.x;
  const size_t row = static_cast<size_t>(blockIdx.x) * columns;
  for (int i = thread; i < size; i += blockDim.x) tree[padded(i)] = i < columns ? x[row + i] : 0;
  int stride = 1;
  for (int active = size / 2; active > 0; active /= 2, stride *= 2) {
    __syncthreads();
    if (thread < active) {
      tree[padded(stride * (2 * thread + 2) - 1)] += tree[padded(stride * (2 * thread + 1) - 1)];
    }
  }
  if (thread == 0) tree[padded(size - 1)] = 0;
  for (int active = 1; active < size; active *= 2) {
    stride /= 2;
    __syncthreads();
    if (thread < active) {
      int& left = tree[padded(stride * (2 * thread + 1) - 1)];
      int& right = tree[padded(stride * (2 * thread + 2) - 1)];
      const int sum = left + right;
      left = right;
      right = sum;
    }
  }
  __syncthreads();
  for (int i = thread; i < size; i += blockDim.x) {
    if (i < columns) y[row + i] = tree[padded(i)];
  }
}
