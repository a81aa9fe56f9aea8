// A heap, a string search and a shared-memory sum compiled with -G: everything goes through local memory and
// generic addresses, and nothing is inlined.
//
// Proves generic loads, stores and atomics, calls with many parameters, and PTX with DWARF sections.

// nvcc: -G
#include <cuda_runtime.h>

struct Heap {
  int values[16];
  int size;
  __device__ void push(int value) {
    int at = size++;
    while (at > 0 && values[(at - 1) / 2] > value) {
      values[at] = values[(at - 1) / 2];
      at = (at - 1) / 2;
    }
    values[at] = value;
  }
  __device__ int pop() {
    const int top = values[0], last = values[--size];
    int at = 0;
    while (2 * at + 1 < size) {
      int child = 2 * at + 1;
      if (child + 1 < size && values[child + 1] < values[child]) ++child;
      if (values[child] >= last) break;
      values[at] = values[child];
      at = child;
    }
    values[at] = last;
    return top;
  }
};

__device__ int occurrences(const char* text, int length, const char* word, int word_length) {
  int found = 0;
  for (int at = 0; at + word_length <= length; ++at) {
    int same = 0;
    while (same < word_length && text[at + same] == word[same]) ++same;
    found += same == word_length;
  }
  return found;
}

extern "C" __global__ void heap_sort(const int* x, int* y) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  Heap heap;
  heap.size = 0;
  for (int i = 0; i < 13; ++i) heap.push(x[thread * 13 + i]);
  for (int i = 0; i < 13; ++i) y[thread * 13 + i] = heap.pop();
}

extern "C" __global__ void search(const char* text, int length, int* found, int* total) {
  __shared__ int sum;
  __shared__ char word[3];
  if (threadIdx.x == 0) sum = 0;
  if (threadIdx.x < 3) word[threadIdx.x] = "aba"[threadIdx.x];
  __syncthreads();
  const int begin = threadIdx.x * 37, own = min(37 + 2, length - begin);
  const int count = own > 0 ? occurrences(text + begin, own, word, 3) : 0;
  found[threadIdx.x] = count;
  atomicAdd(&sum, count);
  __syncthreads();
  if (threadIdx.x == 0) atomicAdd(total, sum);
}
