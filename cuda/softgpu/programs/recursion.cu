// Device functions that call themselves to a depth that differs between lanes, and each other.
//
// Proves calls with parameters and results, a stack of local memory for each lane, and reconvergence after
// returns.
#include <cuda_runtime.h>

namespace {

__device__ __noinline__ unsigned fibonacci(unsigned n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

__device__ __noinline__ unsigned gcd(unsigned a, unsigned b) { return b == 0 ? a : gcd(b, a % b); }

__device__ __noinline__ int hofstadter_male(int n);
// Hofstadter's female and male sequences: each is defined by the other.
__device__ __noinline__ int hofstadter_female(int n) {
  return n == 0 ? 1 : n - hofstadter_male(hofstadter_female(n - 1));
}
__device__ __noinline__ int hofstadter_male(int n) {
  return n == 0 ? 0 : n - hofstadter_female(hofstadter_male(n - 1));
}

/// Quicksort of an array in local memory: the recursion's depth depends on the values.
__device__ __noinline__ void sort(int* values, int low, int high) {
  if (low >= high) return;
  const int pivot = values[(low + high) / 2];
  int i = low, j = high;
  while (i <= j) {
    while (values[i] < pivot) ++i;
    while (values[j] > pivot) --j;
    if (i <= j) {
      const int swapped = values[i];
      values[i++] = values[j];
      values[j--] = swapped;
    }
  }
  sort(values, low, j);
  sort(values, i, high);
}

}  // namespace

extern "C" __global__ void recursive(const unsigned* x, unsigned* fibonaccis, unsigned* divisors,
                                     int* females, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  fibonaccis[i] = fibonacci(x[i] % 11);
  divisors[i] = gcd(x[i], x[(i + 1) % count]);
  females[i] = hofstadter_female(static_cast<int>(x[i] % 9));
}

extern "C" __global__ void sort_twelve(int* x, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  int values[12];
  for (int e = 0; e < 12; ++e) values[e] = x[i * 12 + e];
  sort(values, 0, 11);
  for (int e = 0; e < 12; ++e) x[i * 12 + e] = values[e];
}
