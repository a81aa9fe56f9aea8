// Arrays in local memory, indexed by values known at run time only: an insertion sort, a stack machine, and a
// pointer that is to shared or to local memory.
//
// Proves .local depots, generic addresses, and that each lane has its own.
#include <cuda_runtime.h>

extern "C" __global__ void median_of_nine(const float* x, float* y, int height, int width) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= height * width) return;
  const int row = i / width, column = i % width;
  float window[9];
  int count = 0;
  for (int r = max(row - 1, 0); r <= min(row + 1, height - 1); ++r) {
    for (int c = max(column - 1, 0); c <= min(column + 1, width - 1); ++c) {
      int place = count++;
      const float value = x[r * width + c];
      for (; place > 0 && window[place - 1] > value; --place) window[place] = window[place - 1];
      window[place] = value;
    }
  }
  y[i] = window[count / 2];
}

// Reverse Polish notation: 0..9 push, 10 add, 11 subtract, 12 multiply, 13 duplicate. A program of 24 codes a
// thread.
extern "C" __global__ void evaluate(const unsigned char* codes, int* results, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  int stack[24], top = 0;
  for (int at = 0; at < 24; ++at) {
    const int code = codes[i * 24 + at];
    if (code < 10) {
      stack[top++] = code;
    } else if (code == 13) {
      stack[top] = stack[top - 1];
      ++top;
    } else {
      const int b = stack[--top], a = stack[--top];
      stack[top++] = code == 10 ? a + b : code == 11 ? a - b : a * b;
    }
  }
  int sum = 0;
  while (top > 0) sum = sum * 31 + stack[--top];
  results[i] = sum;
}

namespace {

__device__ __noinline__ int sum_of(const int* values, int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += (i + 1) * values[i];
  return sum;
}

}  // namespace

// Even threads sum an array of their own, odd ones the block's, all through one generic pointer.
extern "C" __global__ void generic_sums(const int* x, int* y) {
  __shared__ int common[8];
  int own[8];
  if (threadIdx.x < 8) common[threadIdx.x] = x[threadIdx.x];
  for (int i = 0; i < 8; ++i) own[i] = x[i] * static_cast<int>(threadIdx.x);
  __syncthreads();
  const int* values = threadIdx.x % 2 == 0 ? own : common;
  y[threadIdx.x] = sum_of(values, 8) + (threadIdx.x % 3 == 0 ? sum_of(x, 4) : 0);
}
