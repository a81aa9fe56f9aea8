// Kernels for a captured graph: a step of gradient descent on least squares, in three launches, a fill and a
// copy.
//
// Proves stream capture with a fork and a join over two streams, fills and copies as nodes, and that a graph
// launched again repeats the same work on what memory then holds.
#include <cuda_runtime.h>

extern "C" __global__ void residuals(const float* a, const float* x, const float* b, float* r, int rows,
                                     int columns) {
  const int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  float sum = -b[row];
  for (int i = 0; i < columns; ++i) sum = fmaf(a[row * columns + i], x[i], sum);
  r[row] = sum;
}

extern "C" __global__ void descend(const float* a, const float* r, float* x, int rows, int columns,
                                   float rate) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  float gradient = 0;
  for (int i = 0; i < rows; ++i) gradient = fmaf(a[i * columns + column], r[i], gradient);
  x[column] = fmaf(-rate, gradient, x[column]);
}

// loss[*step] = sum of squares; one block of 64 threads. `scratch` was filled with zeros in this graph.
extern "C" __global__ void record(const float* r, int rows, float* scratch, float* loss, int* step) {
  float sum = 0;
  for (int i = threadIdx.x; i < rows; i += 64) sum = fmaf(r[i], r[i], sum);
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
  if (threadIdx.x % 32 == 0) atomicAdd(scratch, sum);
  __syncthreads();
  if (threadIdx.x == 0) loss[(*step)++] = atomicAdd(scratch, 0.0f);
}
