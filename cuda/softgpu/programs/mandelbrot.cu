// Iteration counts of the Mandelbrot set in f32 and f64, and the Collatz sequence: loops whose lanes leave
// one by one.
//
// Proves divergence and reconvergence in loops with break and continue.

// nvcc: -fmad=false
#include <cuda_runtime.h>

template <class T>
__global__ void mandelbrot(int* counts, int width, int height, T left, T top, T step, int limit) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  if (column >= width || row >= height) return;
  const T a = left + step * column, b = top - step * row;
  T x = 0, y = 0;
  int count = 0;
  for (; count < limit; ++count) {
    const T xx = x * x, yy = y * y;
    if (xx + yy > 4) break;
    y = 2 * x * y + b;
    x = xx - yy + a;
  }
  counts[row * width + column] = count;
}

template __global__ void mandelbrot<float>(int*, int, int, float, float, float, int);
template __global__ void mandelbrot<double>(int*, int, int, double, double, double, int);

// Steps to 1, not counting halvings of multiples of 4.
extern "C" __global__ void collatz(const unsigned* x, int* steps, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  unsigned long long value = x[i];
  int taken = 0;
  while (value != 1) {
    if (value % 2 == 0) {
      const bool skip = value % 4 == 0;
      value /= 2;
      if (skip) continue;
    } else {
      value = 3 * value + 1;
    }
    ++taken;
  }
  steps[i] = taken;
}
