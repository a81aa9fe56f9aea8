// Host side of integer_division.cu: C++'s own division, exact.
#include <limits>

#include "harness.h"

namespace softgpu::programs {
namespace {

template <class T>
void divide(CUfunction function, Random& random) {
  const int count = 1203;
  std::vector<T> a(count), b(count), expected(4 * count);
  for (int i = 0; i < count; ++i) {
    // Divisors of every size.
    a[i] = static_cast<T>(random.bits());
    b[i] = static_cast<T>(static_cast<T>(random.bits()) >> random.integer(8 * sizeof(T)));
    if (i % 50 == 0) a[i] = std::numeric_limits<T>::min();
    if (i % 70 == 0) a[i] = std::numeric_limits<T>::max();
    if (b[i] == 0 || b[i] == static_cast<T>(-1)) b[i] = 1;
    expected[i] = a[i] / b[i];
    expected[count + i] = a[i] % b[i];
    expected[2 * count + i] = a[i] / 7 + a[i] % 10 + a[i] / 641;
    expected[3 * count + i] = a[i] / 64 + a[i] % 8;
  }
  const Buffer<T> device_a(a), device_b(b), y(4 * count);
  launch(function, {ceil_divide(count, 96), 96}, device_a, device_b, y, count);
  expect_equal("divide", y.read(), expected);
}

void run(Random& random) {
  const Module module("integer_division");
  divide<int>(module.function("divide_s32"), random);
  divide<unsigned>(module.function("divide_u32"), random);
  divide<long long>(module.function("divide_s64"), random);
  divide<unsigned long long>(module.function("divide_u64"), random);
}

const Registration registration("integer_division", run);

}  // namespace
}  // namespace softgpu::programs
