// Host side of mandelbrot.cu: compiled without fused multiply-adds, so the host's arithmetic gives the same
// counts.
#include "harness.h"

namespace softgpu::programs {
namespace {

template <class T>
void mandelbrot(CUfunction function, T left, T top, T step) {
  const int width = 77, height = 53, limit = 60;
  std::vector<int> expected;
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      const T a = left + step * static_cast<T>(column), b = top - step * static_cast<T>(row);
      T x = 0, y = 0;
      int count = 0;
      for (; count < limit; ++count) {
        const T xx = x * x, yy = y * y;
        if (xx + yy > 4) break;
        y = 2 * x * y + b;
        x = xx - yy + a;
      }
      expected.push_back(count);
    }
  }
  const Buffer<int> counts(width * height);
  launch(function, {Extent(ceil_divide(width, 16), ceil_divide(height, 8)), Extent(16, 8)}, counts, width,
         height, left, top, step, limit);
  expect_equal("mandelbrot", counts.read(), expected);
}

void run(Random& random) {
  const Module module("mandelbrot");
  mandelbrot<float>(module.function("_Z10mandelbrotIfEvPiiiT_S1_S1_i"), -2.1f, 1.2f,
                    static_cast<float>(random.uniform(0.03, 0.05)));
  mandelbrot<double>(module.function("_Z10mandelbrotIdEvPiiiT_S1_S1_i"), -0.8, 0.2,
                     random.uniform(0.001, 0.002));

  const int count = 333;
  std::vector<unsigned> x;
  std::vector<int> expected;
  for (int i = 0; i < count; ++i) {
    x.push_back(1 + random.integer(100000));
    int taken = 0;
    for (unsigned long long value = x.back(); value != 1;) {
      const bool counted = value % 4 != 0;
      value = value % 2 == 0 ? value / 2 : 3 * value + 1;
      taken += counted;
    }
    expected.push_back(taken);
  }
  const Buffer<unsigned> device_x(x);
  const Buffer<int> steps(count);
  launch(module.function("collatz"), {ceil_divide(count, 96), 96}, device_x, steps, count);
  expect_equal("collatz", steps.read(), expected);
}

const Registration registration("mandelbrot", run);

}  // namespace
}  // namespace softgpu::programs
