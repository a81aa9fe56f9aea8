// The heat equation in three dimensions: a 7-point stencil that marches along z with two planes in registers
// and one in shared memory, launched once a step.
//
// Proves three-dimensional data, registers that carry values over a loop, and launches that depend on each
// other.

// nvcc: -fmad=false
#include <cuda_runtime.h>

constexpr int kX = 16, kY = 8;

extern "C" __global__ void step(const float* x, float* y, int nx, int ny, int nz, float rate) {
  __shared__ float plane[kY + 2][kX + 2];
  const int i = blockIdx.x * kX + threadIdx.x, j = blockIdx.y * kY + threadIdx.y;
  const bool inside = i < nx && j < ny;
  const auto at = [&](int a, int b, int c) {
    return a >= 0 && a < nx && b >= 0 && b < ny && c >= 0 && c < nz ? x[(c * ny + b) * nx + a] : 0.0f;
  };
  float behind = 0, here = at(i, j, 0);
  for (int k = 0; k < nz; ++k) {
    const float ahead = at(i, j, k + 1);
    const int row = threadIdx.y + 1, column = threadIdx.x + 1;
    plane[row][column] = here;
    if (row == 1) plane[0][column] = at(i, j - 1, k);
    if (row == kY) plane[kY + 1][column] = at(i, j + 1, k);
    if (column == 1) plane[row][0] = at(i - 1, j, k);
    if (column == kX) plane[row][kX + 1] = at(i + 1, j, k);
    __syncthreads();
    const float sum = plane[row][column - 1] + plane[row][column + 1] + plane[row - 1][column] +
                      plane[row + 1][column] + behind + ahead;
    if (inside) y[(k * ny + j) * nx + i] = fmaf(rate, sum - 6.0f * here, here);
    __syncthreads();
    behind = here;
    here = ahead;
  }
}
