// Host side of depthwise_conv.cu: the same sums in the same order by std::fma, so every bit is equal.
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

void depthwise(const Module& module, Random& random, const char* name, int size) {
  const int images = 2, channels = 5, height = 29, width = 43, radius = size / 2;
  const std::vector<float> x = random.floats(images * channels * height * width);
  const std::vector<float> filters = random.floats(channels * size * size);
  std::vector<float> expected(x.size());
  for (int plane = 0; plane < images * channels; ++plane) {
    for (int row = 0; row < height; ++row) {
      for (int column = 0; column < width; ++column) {
        float sum = 0;
        for (int r = 0; r < size; ++r) {
          for (int c = 0; c < size; ++c) {
            const int y = row + r - radius, z = column + c - radius;
            const bool inside = y >= 0 && y < height && z >= 0 && z < width;
            const float value = inside ? x[(plane * height + y) * width + z] : 0.0f;
            sum = std::fma(value, filters[(plane % channels * size + r) * size + c], sum);
          }
        }
        expected[(plane * height + row) * width + column] = sum;
      }
    }
  }
  driver().cuMemcpyHtoD_v2(module.global("filters").address, filters.data(), filters.size() * sizeof(float));
  const Buffer<float> device_x(x), y(x.size());
  launch(module.function(name),
         {Extent(ceil_divide(width, 32), ceil_divide(height, 8), images * channels), Extent(32, 8)}, device_x,
         y, channels, height, width);
  expect_equal(name, y.read(), expected);
}

void run(Random& random) {
  const Module module("depthwise_conv");
  depthwise(module, random, "_Z9depthwiseILi3EEvPKfPfiii", 3);
  depthwise(module, random, "_Z9depthwiseILi5EEvPKfPfiii", 5);
}

const Registration registration("depthwise_conv", run);

}  // namespace
}  // namespace softgpu::programs
