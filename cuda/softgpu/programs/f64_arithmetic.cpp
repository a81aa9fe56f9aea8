// Host side of f64_arithmetic.cu: basic operations exact, libdevice's functions to a few ulp of the C
// library's.
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

void functions(const Module& module, Random& random) {
  const int count = 1013, functions = 12;
  std::vector<double> x(count);
  for (double& value : x) value = random.uniform(-4, 4);
  std::vector<double> exact[functions];
  for (const double v : x) {
    const double positive = std::fabs(v) + 1e-3;
    double polynomial = 1;
    for (int degree = 12; degree > 0; --degree) polynomial = std::fma(polynomial, v / degree, 1.0);
    const double values[functions] = {
        polynomial,
        v / positive,
        std::sqrt(positive),
        std::exp(v),
        std::log(positive),
        std::sin(v * 100),
        std::pow(positive, v),
        std::floor(v) + std::rint(v * 3) - std::trunc(v * 5) + std::ceil(v * 7),
        1 / v,
        static_cast<double>(static_cast<float>(v)) + static_cast<double>(static_cast<long long>(v * 1e12)),
        std::fmin(v, 0.25) + std::fmax(v, -0.25) + std::copysign(2.0, v) + std::fmod(v, 0.3),
        std::atan2(v, positive) + std::cosh(v) + std::erf(v) + std::cbrt(v)};
    for (int f = 0; f < functions; ++f) exact[f].push_back(values[f]);
  }
  const Buffer<double> device_x(x), y(functions * count);
  launch(module.function("functions"), {ceil_divide(count, 96), 96}, device_x, y, count);
  const std::vector<double> actual = y.read();
  const bool rounded[functions] = {true,  true, true, false, false, false,
                                   false, true, true, true,  false, false};
  const char* names[functions] = {"polynomial", "division",    "sqrt", "exp",
                                  "log",        "sin",         "pow",  "rounding",
                                  "reciprocal", "conversions", "fmod", "atan2 and others"};
  for (int f = 0; f < functions; ++f) {
    const std::vector<double> part(actual.begin() + f * count, actual.begin() + (f + 1) * count);
    expect_near(names[f], part, exact[f], rounded[f] ? 0 : 1e-15, rounded[f] ? 0 : 1e-14);
  }
}

void run(Random& random) {
  const Module module("f64_arithmetic");
  functions(module, random);

  const int n = 45;
  std::vector<double> a(n * n), b(n * n), expected(n * n);
  for (double& value : a) value = random.uniform(-1, 1);
  for (double& value : b) value = random.uniform(-1, 1);
  for (int row = 0; row < n; ++row) {
    for (int column = 0; column < n; ++column) {
      double sum = 0;
      for (int k = 0; k < n; ++k) sum = std::fma(a[row * n + k], b[k * n + column], sum);
      expected[row * n + column] = sum;
    }
  }
  const Buffer<double> device_a(a), device_b(b), c(n * n);
  launch(module.function("product"), {Extent(3, 3), Extent(16, 16)}, device_a, device_b, c, n);
  expect_equal("product", c.read(), expected);
}

const Registration registration("f64_arithmetic", run);

}  // namespace
}  // namespace softgpu::programs
