// Host side of module_globals.cu: reads and writes the module's variables by name; exact.
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

template <class T>
std::vector<T> read_global(const Module& module, const char* name, std::size_t count) {
  const Module::Global global = module.global(name);
  expect(global.bytes == count * sizeof(T), std::string("size of ") + name);
  std::vector<T> values(count);
  driver().cuMemcpyDtoH_v2(values.data(), global.address, global.bytes);
  return values;
}

void run(Random& random) {
  const Module module("module_globals");
  const int count = 307;
  std::vector<float> coefficients = read_global<float>(module, "coefficients", 6);
  expect_equal("coefficients", coefficients, {1, -0.5f, 0.25f, 0, 0, 0});
  expect(read_global<unsigned long long>(module, "launches", 1)[0] == 0, "launches");

  const std::vector<float> x = random.floats(count);
  const Buffer<float> device_x(x), y(count);
  for (int round = 0; round < 2; ++round) {
    std::vector<float> expected;
    for (const float value : x) {
      float sum = 0;
      for (int degree = 5; degree >= 0; --degree) sum = std::fma(sum, value, coefficients[degree]);
      expected.push_back(sum);
    }
    launch(module.function("evaluate"), {ceil_divide(count, 96), 96}, device_x, y, count);
    expect_equal("evaluate", y.read(), expected);
    coefficients = random.floats(6);
    const Module::Global global = module.global("coefficients");
    driver().cuMemcpyHtoD_v2(global.address, coefficients.data(), global.bytes);
  }
  expect(read_global<unsigned long long>(module, "launches", 1)[0] == 2, "launches");

  std::vector<int> values(64);
  values[0] = 7, values[1] = 11, values[2] = 13;
  for (int i = 0; i < 16; ++i) {
    values[32 + i * 3 % 16] = values[15 - i] + "softgpu"[i % 8] + 3141;
  }
  launch(module.function("permute"), {1, 16});
  expect_equal("permute", read_global<int>(module, "values", 64), values);
}

const Registration registration("module_globals", run);

}  // namespace
}  // namespace softgpu::programs
