// Host side of heat_stencil.cu: no contraction but the fma written there, so every bit is equal.
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("heat_stencil");
  const int nx = 37, ny = 21, nz = 11, steps = 4;
  const float rate = 0.1f;
  std::vector<float> x = random.floats(nx * ny * nz);
  const Buffer<float> buffers[2] = {Buffer<float>(x), Buffer<float>(x.size())};
  for (int step = 0; step < steps; ++step) {
    launch(module.function("step"), {Extent(ceil_divide(nx, 16), ceil_divide(ny, 8)), Extent(16, 8)},
           buffers[step % 2], buffers[(step + 1) % 2], nx, ny, nz, rate);
    const auto at = [&](int i, int j, int k) {
      const bool inside = i >= 0 && i < nx && j >= 0 && j < ny && k >= 0 && k < nz;
      return inside ? x[(k * ny + j) * nx + i] : 0.0f;
    };
    std::vector<float> y(x.size());
    for (int k = 0; k < nz; ++k) {
      for (int j = 0; j < ny; ++j) {
        for (int i = 0; i < nx; ++i) {
          const float sum = at(i - 1, j, k) + at(i + 1, j, k) + at(i, j - 1, k) + at(i, j + 1, k) +
                            at(i, j, k - 1) + at(i, j, k + 1);
          y[(k * ny + j) * nx + i] = std::fma(rate, sum - 6.0f * at(i, j, k), at(i, j, k));
        }
      }
    }
    x.swap(y);
  }
  expect_equal("heat", buffers[steps % 2].read(), x);
}

const Registration registration("heat_stencil", run);

}  // namespace
}  // namespace softgpu::programs
