// Division and remainder, signed and unsigned, 32 and 64 bits, by run-time values and by constants.
//
// Proves div and rem at their edges (never by zero, never the smallest number by -1) and the multiplications
// that the compiler puts in place of constant divisors.
#include <cuda_runtime.h>

namespace {

template <class T>
__device__ void divide(const T* a, const T* b, T* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  y[i] = a[i] / b[i];
  y[count + i] = a[i] % b[i];
  y[2 * count + i] = a[i] / 7 + a[i] % 10 + a[i] / 641;
  y[3 * count + i] = a[i] / 64 + a[i] % 8;
}

}  // namespace

extern "C" __global__ void divide_s32(const int* a, const int* b, int* y, int count) {
  divide(a, b, y, count);
}
extern "C" __global__ void divide_u32(const unsigned* a, const unsigned* b, unsigned* y, int count) {
  divide(a, b, y, count);
}
extern "C" __global__ void divide_s64(const long long* a, const long long* b, long long* y, int count) {
  divide(a, b, y, count);
}
extern "C" __global__ void divide_u64(const unsigned long long* a, const unsigned long long* b,
                                      unsigned long long* y, int count) {
  divide(a, b, y, count);
}
