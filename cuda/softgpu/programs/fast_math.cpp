// Host side of fast_math.cu: in double, with the manual's bounds.
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

float flushed(float value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value) : value;
}

void run(Random& random) {
  const Module module("fast_math");
  const int count = 1009, functions = 10;
  const std::vector<float> x = random.floats(count, 1e-3, 3);
  std::vector<double> expected[functions];
  for (const float value : x) {
    const double v = value;
    const double values[functions] = {
        std::exp2(v),     std::log2(v), std::sin(v),  std::cos(v),       1 / v,
        1 / std::sqrt(v), std::sqrt(v), std::tanh(v), (v + 1) / (v + 2), std::pow(v, 1.5)};
    for (int f = 0; f < functions; ++f) expected[f].push_back(values[f]);
  }
  const Buffer<float> device_x(x), y(functions * count);
  launch(module.function("functions"), {ceil_divide(count, 96), 96}, device_x, y, count);
  const std::vector<float> actual = y.read();
  // Absolute and relative bounds of the manual for these ranges, and one rounding of f32 where there are two
  // steps.
  const double ulp = 0x1p-23;
  const struct {
    const char* name;
    double absolute, relative;
  } bounds[functions] = {{"ex2", 0, 2 * ulp},  {"lg2", 0x1p-22, 0x1p-22}, {"sin", 0x1p-20, 0},
                         {"cos", 0x1p-20, 0},  {"rcp", 0, ulp},           {"rsqrt", 0, 0x1p-22},
                         {"sqrt", 0, 0x1p-22}, {"tanh", 0, 0x1p-10},      {"div", 0, 4 * ulp},
                         {"pow", 0, 48 * ulp}};
  for (int f = 0; f < functions; ++f) {
    const std::vector<float> part(actual.begin() + f * count, actual.begin() + (f + 1) * count);
    expect_near(bounds[f].name, part, expected[f], bounds[f].absolute, bounds[f].relative);
  }

  std::vector<float> small;
  for (int i = 0; i < 200; ++i) {
    const int exponent = -149 + static_cast<int>(random.integer(80));
    small.push_back(static_cast<float>(std::ldexp(random.uniform(-2, 2), exponent)));
  }
  std::vector<float> expected_flush(600);
  for (int i = 0; i < 200; ++i) {
    const float v = flushed(small[i]);
    expected_flush[i] = flushed(v + v);
    expected_flush[200 + i] = flushed(v * 0x1p-100f);
    expected_flush[400 + i] = flushed(std::fma(v, 3.0f, flushed(-2.0f * v)));
  }
  const Buffer<float> device_small(small), z(600);
  launch(module.function("flush"), {3, 96}, device_small, z, 200);
  // By value: the sign of a zero is not this program's business.
  const std::vector<float> flushes = z.read();
  expect_near("flush", flushes, std::vector<double>(expected_flush.begin(), expected_flush.end()), 0, 0);
}

const Registration registration("fast_math", run);

}  // namespace
}  // namespace softgpu::programs
