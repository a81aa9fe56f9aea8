// Host side of recursion.cu: the same functions in C++, exact.
#include <algorithm>
#include <numeric>

#include "harness.h"

namespace softgpu::programs {
namespace {

unsigned fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
int male(int n);
int female(int n) { return n == 0 ? 1 : n - male(female(n - 1)); }
int male(int n) { return n == 0 ? 0 : n - female(male(n - 1)); }

void run(Random& random) {
  const Module module("recursion");
  const int count = 203;
  std::vector<unsigned> x = random.words(count);
  for (unsigned& value : x) value = value % 100000 * 6;
  std::vector<unsigned> fibonaccis, divisors;
  std::vector<int> females;
  for (int i = 0; i < count; ++i) {
    fibonaccis.push_back(fibonacci(x[i] % 11));
    divisors.push_back(std::gcd(x[i], x[(i + 1) % count]));
    females.push_back(female(static_cast<int>(x[i] % 9)));
  }
  const Buffer<unsigned> device_x(x), device_fibonaccis(count), device_divisors(count);
  const Buffer<int> device_females(count);
  launch(module.function("recursive"), {ceil_divide(count, 64), 64}, device_x, device_fibonaccis,
         device_divisors, device_females, count);
  expect_equal("fibonacci", device_fibonaccis.read(), fibonaccis);
  expect_equal("gcd", device_divisors.read(), divisors);
  expect_equal("hofstadter", device_females.read(), females);

  std::vector<int> arrays = random.integers(count * 12, -50, 50);
  const Buffer<int> device_arrays(arrays);
  launch(module.function("sort_twelve"), {ceil_divide(count, 96), 96}, device_arrays, count);
  for (auto at = arrays.begin(); at != arrays.end(); at += 12) std::sort(at, at + 12);
  expect_equal("sort_twelve", device_arrays.read(), arrays);
}

const Registration registration("recursion", run);

}  // namespace
}  // namespace softgpu::programs
