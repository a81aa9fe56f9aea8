// Host side of conversions.cu: the rules written out, exact.
#include <bit>
#include <cmath>
#include <limits>

#include "harness.h"

namespace softgpu::programs {
namespace {

/// `value`, an integer already or NaN, as T: saturated; NaN is 0 for 32 bits from f32.
template <class T>
long long saturated(double value, T nan) {
  if (value != value) return static_cast<long long>(nan);
  if (value <= static_cast<double>(std::numeric_limits<T>::min()))
    return static_cast<long long>(std::numeric_limits<T>::min());
  if (value >= static_cast<double>(std::numeric_limits<T>::max()))
    return static_cast<long long>(std::numeric_limits<T>::max());
  return static_cast<long long>(static_cast<T>(value));
}

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

/// `value` rounded upwards to f32.
float upwards(double value) {
  const float nearest = static_cast<float>(value);
  return nearest < value ? std::nextafterf(nearest, INFINITY) : nearest;
}
float toward_zero(double value) {
  const float nearest = static_cast<float>(value);
  return std::fabs(static_cast<double>(nearest)) > std::fabs(value) ? std::nextafterf(nearest, 0.0f)
                                                                    : nearest;
}

void from_float(const Module& module, Random& random) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x = {0.0f,    0.5f,  1.5f,    2.5f,    -0.5f, -1.5f,  -2.5f,    0x1p31f,   -0x1p31f,
                          0x1p32f, -1.0f, 0x1p63f, 0x1p64f, 1e30f, -1e30f, infinity, -infinity, 0x1p-140f};
  for (int i = 0; i < 600; ++i) {
    x.push_back(static_cast<float>(std::ldexp(random.uniform(-1, 1), static_cast<int>(random.integer(70)))));
  }
  const int count = static_cast<int>(x.size());
  std::vector<long long> expected(12 * x.size());
  for (int i = 0; i < count; ++i) {
    const float v = x[i];
    const double wide = v;
    const std::uint32_t trunc = bits(std::trunc(v)), floor = bits(std::floor(v));
    const long long values[12] = {
        saturated<int>(std::trunc(wide), 0),
        saturated<int>(std::nearbyint(wide), 0),
        saturated<int>(std::floor(wide), 0),
        saturated<int>(std::ceil(wide), 0),
        saturated<unsigned>(std::trunc(wide), 0),
        saturated<long long>(std::nearbyint(wide), 0),
        wide >= 0x1p64 ? -1
        : wide <= 0    ? 0
                       : static_cast<long long>(static_cast<unsigned long long>(wide)),
        saturated<int>(std::nearbyint(wide * 1.25), 0),
        saturated<long long>(std::trunc(wide * 1.25), 0),
        static_cast<int>(bits(std::nearbyint(v))),
        static_cast<int>(trunc ^ floor),
        static_cast<int>(bits(v > 1   ? 1.0f
                              : v > 0 ? v
                                      : 0.0f)),
    };
    for (int conversion = 0; conversion < 12; ++conversion)
      expected[conversion * count + i] = values[conversion];
  }
  const Buffer<float> device_x(x);
  const Buffer<long long> y(expected.size());
  launch(module.function("from_float"), {ceil_divide(count, 96), 96}, device_x, y, count);
  expect_equal("from_float", y.read(), expected);

  // NaN becomes 0 as a 32-bit integer, and +0 when saturated.
  const Buffer<float> nan(std::vector<float>{std::numeric_limits<float>::quiet_NaN()});
  const Buffer<long long> of_nan(12);
  launch(module.function("from_float"), {1, 1}, nan, of_nan, 1);
  const std::vector<long long> results = of_nan.read();
  for (const int conversion : {0, 1, 2, 3, 4, 11}) expect(results[conversion] == 0, "conversion of NaN");
}

void from_integer(const Module& module, Random& random) {
  std::vector<long long> x = {0,
                              1,
                              -1,
                              std::numeric_limits<long long>::min(),
                              std::numeric_limits<long long>::max(),
                              0x7fffffff,
                              -0x80000000ll,
                              -0x7fffff7fffffffffll,
                              -0x7fffffffffll,
                              0x1000001};
  for (int i = 0; i < 600; ++i) x.push_back(static_cast<long long>(random.bits()) >> random.integer(64));
  const int count = static_cast<int>(x.size());
  std::vector<unsigned long long> expected(10 * x.size());
  for (int i = 0; i < count; ++i) {
    const long long v = x[i];
    const int low = static_cast<int>(v);
    const double one_to_two =
        std::bit_cast<double>((static_cast<std::uint64_t>(v) & 0xfffffffffffff) | 0x3ff0000000000000);
    const unsigned long long values[10] = {
        bits(static_cast<float>(v)),
        bits(static_cast<float>(static_cast<unsigned long long>(v))),
        std::bit_cast<std::uint64_t>(static_cast<double>(v)),
        bits(static_cast<float>(low)),
        bits(toward_zero(static_cast<double>(static_cast<unsigned>(v)))),
        bits(upwards(static_cast<double>(low))),
        static_cast<unsigned long long>(static_cast<long long>(static_cast<signed char>(v))),
        static_cast<unsigned char>(v) * 3u + static_cast<unsigned short>(v >> 8),
        static_cast<unsigned long long>(static_cast<long long>(static_cast<short>(v >> 3))),
        bits(static_cast<float>(one_to_two)),
    };
    for (int conversion = 0; conversion < 10; ++conversion)
      expected[conversion * count + i] = values[conversion];
  }
  const Buffer<long long> device_x(x);
  const Buffer<unsigned long long> y(expected.size());
  launch(module.function("from_integer"), {ceil_divide(count, 96), 96}, device_x, y, count);
  expect_equal("from_integer", y.read(), expected);
}

void run(Random& random) {
  const Module module("conversions");
  from_float(module, random);
  from_integer(module, random);
}

const Registration registration("conversions", run);

}  // namespace
}  // namespace softgpu::programs
