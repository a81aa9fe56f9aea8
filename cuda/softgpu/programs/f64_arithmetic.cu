// Double precision: a polynomial, division, square root, and libdevice's exp, log, sin and pow; matrix
// products in f64.
//
// Proves fma, correctly rounded div and sqrt, and the integer tricks on halves of a double that libdevice
// plays.
#include <cuda_runtime.h>

// y[function][i]
extern "C" __global__ void functions(const double* x, double* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const double v = x[i], positive = fabs(v) + 1e-3;
  double polynomial = 1.0;
  for (int degree = 12; degree > 0; --degree) polynomial = fma(polynomial, v / degree, 1.0);
  y[i] = polynomial;
  y[count + i] = v / positive;
  y[2 * count + i] = sqrt(positive);
  y[3 * count + i] = exp(v);
  y[4 * count + i] = log(positive);
  y[5 * count + i] = sin(v * 100);
  y[6 * count + i] = pow(positive, v);
  y[7 * count + i] = floor(v) + rint(v * 3) - trunc(v * 5) + ceil(v * 7);
  y[8 * count + i] = 1.0 / v;
  y[9 * count + i] =
      static_cast<double>(static_cast<float>(v)) + static_cast<double>(static_cast<long long>(v * 1e12));
  y[10 * count + i] = fmin(v, 0.25) + fmax(v, -0.25) + copysign(2.0, v) + fmod(v, 0.3);
  y[11 * count + i] = atan2(v, positive) + cosh(v) + erf(v) + cbrt(v);
}

// C = A B, square, 16 x 16 threads; sums by fma in order of k.
extern "C" __global__ void product(const double* a, const double* b, double* c, int n) {
  __shared__ double x[16][17], y[16][17];
  const int row = blockIdx.y * 16 + threadIdx.y, column = blockIdx.x * 16 + threadIdx.x;
  double sum = 0;
  for (int k = 0; k < n; k += 16) {
    const int kx = k + threadIdx.x, ky = k + threadIdx.y;
    x[threadIdx.y][threadIdx.x] = row < n && kx < n ? a[row * n + kx] : 0.0;
    y[threadIdx.y][threadIdx.x] = ky < n && column < n ? b[ky * n + column] : 0.0;
    __syncthreads();
    for (int i = 0; i < 16; ++i) sum = fma(x[threadIdx.y][i], y[i][threadIdx.x], sum);
    __syncthreads();
  }
  if (row < n && column < n) c[row * n + column] = sum;
}
