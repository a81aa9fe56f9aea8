// Approximate functions: the intrinsics, and what -use_fast_math makes of ordinary code, with subnormals
// flushed.
//
// Proves ex2, lg2, sin, cos, rcp, rsqrt, sqrt, tanh and div .approx within the bounds of the PTX manual, and
// .ftz.

// nvcc: -use_fast_math
#include <cuda_runtime.h>

// y[function][i]; x is in [1e-3, 3]
extern "C" __global__ void functions(const float* x, float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const float v = x[i];
  float hyperbolic;
  asm("tanh.approx.f32 %0, %1;" : "=f"(hyperbolic) : "f"(v));
  y[i] = exp2f(v);
  y[count + i] = log2f(v);
  y[2 * count + i] = sinf(v);
  y[3 * count + i] = cosf(v);
  y[4 * count + i] = 1.0f / v;
  y[5 * count + i] = rsqrtf(v);
  y[6 * count + i] = sqrtf(v);
  y[7 * count + i] = hyperbolic;
  y[8 * count + i] = (v + 1) / (v + 2);
  y[9 * count + i] = __powf(v, 1.5f);
}

// Subnormal inputs and results become zero of the same sign.
extern "C" __global__ void flush(const float* x, float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  y[i] = x[i] * 1.0f + x[i];
  y[count + i] = x[i] * 0x1p-100f;
  y[2 * count + i] = fmaf(x[i], 3.0f, -2.0f * x[i]);
}
