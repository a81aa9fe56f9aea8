// Host side of local_arrays.cu: the same in C++, exact.
#include <algorithm>

#include "harness.h"

namespace softgpu::programs {
namespace {

void median(const Module& module, Random& random) {
  const int height = 31, width = 37;
  const std::vector<float> x = random.floats(height * width);
  std::vector<float> expected;
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      std::vector<float> window;
      for (int r = std::max(row - 1, 0); r <= std::min(row + 1, height - 1); ++r) {
        for (int c = std::max(column - 1, 0); c <= std::min(column + 1, width - 1); ++c) {
          window.push_back(x[r * width + c]);
        }
      }
      std::sort(window.begin(), window.end());
      expected.push_back(window[window.size() / 2]);
    }
  }
  const Buffer<float> device_x(x), y(x.size());
  launch(module.function("median_of_nine"), {ceil_divide(height * width, 96), 96}, device_x, y, height,
         width);
  expect_equal("median_of_nine", y.read(), expected);
}

void evaluate(const Module& module, Random& random) {
  const int count = 403;
  std::vector<unsigned char> codes;
  std::vector<int> expected;
  for (int i = 0; i < count; ++i) {
    std::vector<unsigned> stack;  // unsigned: results wrap
    for (int at = 0; at < 24; ++at) {
      unsigned code = random.integer(14);
      if (code == 13 ? stack.empty() : code >= 10 && stack.size() < 2) code = random.integer(10);
      codes.push_back(static_cast<unsigned char>(code));
      if (code < 10) {
        stack.push_back(code);
      } else if (code == 13) {
        stack.push_back(stack.back());
      } else {
        const unsigned b = stack.back();
        stack.pop_back();
        unsigned& a = stack.back();
        a = code == 10 ? a + b : code == 11 ? a - b : a * b;
      }
    }
    unsigned sum = 0;
    for (; !stack.empty(); stack.pop_back()) sum = sum * 31 + stack.back();
    expected.push_back(static_cast<int>(sum));
  }
  const Buffer<unsigned char> device_codes(codes);
  const Buffer<int> results(count);
  launch(module.function("evaluate"), {ceil_divide(count, 96), 96}, device_codes, results, count);
  expect_equal("evaluate", results.read(), expected);
}

void run(Random& random) {
  const Module module("local_arrays");
  median(module, random);
  evaluate(module, random);

  const int threads = 77;
  const std::vector<int> x = random.integers(8, -100, 100);
  std::vector<int> expected;
  for (int thread = 0; thread < threads; ++thread) {
    int sum = 0;
    for (int i = 0; i < 8; ++i) sum += (i + 1) * x[i] * (thread % 2 == 0 ? thread : 1);
    for (int i = 0; i < 4 && thread % 3 == 0; ++i) sum += (i + 1) * x[i];
    expected.push_back(sum);
  }
  const Buffer<int> device_x(x), y(threads);
  launch(module.function("generic_sums"), {1, threads}, device_x, y);
  expect_equal("generic_sums", y.read(), expected);
}

const Registration registration("local_arrays", run);

}  // namespace
}  // namespace softgpu::programs
