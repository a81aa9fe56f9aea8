// Depthwise convolution, 3 x 3 and 5 x 5, stride 1, zero padding; a 32 x 8 tile of results a block with its
// halo in shared memory.
//
// Proves __pipeline_memcpy_async, a halo loaded by fewer threads than it has elements, template kernels with
// mangled names, and filters in constant memory read at one address by all lanes.
#include <cuda_pipeline.h>
#include <cuda_runtime.h>

__constant__ float filters[64 * 25];

template <int Size>
__global__ void depthwise(const float* __restrict__ x, float* __restrict__ y, int channels, int height,
                          int width) {
  constexpr int kRadius = Size / 2, kColumns = 32 + 2 * kRadius, kRows = 8 + 2 * kRadius;
  __shared__ float tile[kRows][kColumns];
  const int plane = blockIdx.z, channel = plane % channels;
  const float* image = x + static_cast<size_t>(plane) * height * width;
  const int top = blockIdx.y * 8 - kRadius, left = blockIdx.x * 32 - kRadius;
  const int thread = threadIdx.y * 32 + threadIdx.x;
  for (int e = thread; e < kRows * kColumns; e += 256) {
    const int r = e / kColumns, c = e % kColumns, row = top + r, column = left + c;
    if (row >= 0 && row < height && column >= 0 && column < width) {
      __pipeline_memcpy_async(&tile[r][c], image + row * width + column, sizeof(float));
    } else {
      tile[r][c] = 0;
    }
  }
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  const int row = blockIdx.y * 8 + threadIdx.y, column = blockIdx.x * 32 + threadIdx.x;
  if (row >= height || column >= width) return;
  float sum = 0;
#pragma unroll
  for (int r = 0; r < Size; ++r) {
#pragma unroll
    for (int c = 0; c < Size; ++c) {
      sum = fmaf(tile[threadIdx.y + r][threadIdx.x + c], filters[(channel * Size + r) * Size + c], sum);
    }
  }
  y[(static_cast<size_t>(plane) * height + row) * width + column] = sum;
}

template __global__ void depthwise<3>(const float*, float*, int, int, int);
template __global__ void depthwise<5>(const float*, float*, int, int, int);
