// Host side of interval_arithmetic.cu: the same operations under fesetround, bit for bit, and the exact value
// inside.
#include <cfenv>
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

/// Rounds towards `direction` while it lives.
class Rounding {
 public:
  explicit Rounding(int direction) : before_(std::fegetround()) { std::fesetround(direction); }
  ~Rounding() { std::fesetround(before_); }

 private:
  int before_;
};

// `volatile` keeps the compiler from moving arithmetic over fesetround, or doing it itself.
template <class T, class Operation>
T rounded(int direction, Operation operation, T a, T b) {
  volatile T left = a, right = b;
  const Rounding rounding(direction);
  volatile T result = operation(left, right);
  return result;
}

template <class T>
T sum(int direction, T a, T b) {
  return rounded(
      direction, [](T x, T y) { return x + y; }, a, b);
}
template <class T>
T quotient(int direction, T a, T b) {
  return rounded(
      direction, [](T x, T y) { return x / y; }, a, b);
}
float root(int direction, float a) {
  return rounded(
      direction, [](float x, float) { return std::sqrt(x); }, a, 0.0f);
}

/// -v v + c: exact in the 64 bits of a long double for v in [1/32, 4) and c in [1, 4), then rounded once.
float multiply_add(int direction, float v, float c) {
  const long double exact = -static_cast<long double>(v) * v + c;
  volatile long double held = exact;
  const Rounding rounding(direction);
  volatile float result = static_cast<float>(held);
  return result;
}

void enclose_f32(const Module& module, Random& random) {
  const int count = 703;
  const std::vector<float> x = random.floats(count, 0.05, 4);
  std::vector<float> expected;
  for (const float v : x) {
    const float low =
        sum(FE_DOWNWARD, 1.0f, quotient(FE_DOWNWARD, v, sum(FE_UPWARD, 3.0f, root(FE_UPWARD, v))));
    const float high =
        sum(FE_UPWARD, 1.0f, quotient(FE_UPWARD, v, sum(FE_DOWNWARD, 3.0f, root(FE_DOWNWARD, v))));
    expected.push_back(multiply_add(FE_DOWNWARD, v, low));
    expected.push_back(multiply_add(FE_UPWARD, v, high));
    const double value = 1 + v / (3 + std::sqrt(static_cast<double>(v))) - static_cast<double>(v) * v;
    expect(expected[expected.size() - 2] <= value && value <= expected.back(), "enclosure of the reference");
  }
  const Buffer<float> device_x(x), bounds(expected.size());
  launch(module.function("enclose_f32"), {ceil_divide(count, 96), 96}, device_x, bounds, count);
  expect_equal("enclose_f32", bounds.read(), expected);
}

void enclose_f64(const Module& module, Random& random) {
  const int rows = 131, columns = 17;
  std::vector<double> x(rows * columns), expected;
  for (double& value : x) value = random.uniform(0.5, 20);
  for (int row = 0; row < rows; ++row) {
    double low = 0, high = 0;
    for (int i = 0; i < columns; ++i) {
      low = sum(FE_DOWNWARD, low, quotient(FE_DOWNWARD, 1.0, x[row * columns + i]));
      high = sum(FE_UPWARD, high, quotient(FE_UPWARD, 1.0, x[row * columns + i]));
    }
    const auto multiply = [](double a, double b) { return a * b; };
    expected.push_back(rounded(FE_DOWNWARD, multiply, low, 1.0 / 3));
    expected.push_back(rounded(FE_UPWARD, multiply, high, 1.0 / 3));
  }
  const Buffer<double> device_x(x), bounds(expected.size());
  launch(module.function("enclose_f64"), {ceil_divide(rows, 96), 96}, device_x, bounds, rows, columns);
  expect_equal("enclose_f64", bounds.read(), expected);
}

void run(Random& random) {
  const Module module("interval_arithmetic");
  enclose_f32(module, random);
  enclose_f64(module, random);
}

const Registration registration("interval_arithmetic", run);

}  // namespace
}  // namespace softgpu::programs
