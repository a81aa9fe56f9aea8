// Host side of im2col_conv.cu: the direct sum in double.
#include "harness.h"

namespace softgpu::programs {
namespace {

// As in the kernel.
struct Convolution {
  int images, channels, height, width, filters, size, stride, padding, out_height, out_width;
};

void run(Random& random) {
  const Module module("im2col_conv");
  Convolution p{3, 5, 21, 27, 19, 3, 2, 1, 0, 0};
  p.out_height = (p.height + 2 * p.padding - p.size) / p.stride + 1;
  p.out_width = (p.width + 2 * p.padding - p.size) / p.stride + 1;
  const int taps = p.channels * p.size * p.size, plane = p.out_height * p.out_width,
            positions = p.images * plane;
  const std::vector<float> x = random.floats(p.images * p.channels * p.height * p.width);
  const std::vector<float> w = random.floats(p.filters * taps);
  std::vector<double> expected(p.filters * positions);
  for (int image = 0; image < p.images; ++image) {
    for (int filter = 0; filter < p.filters; ++filter) {
      for (int i = 0; i < plane; ++i) {
        double sum = 0;
        for (int tap = 0; tap < taps; ++tap) {
          const int channel = tap / (p.size * p.size), r = tap / p.size % p.size, s = tap % p.size;
          const int row = i / p.out_width * p.stride + r - p.padding;
          const int column = i % p.out_width * p.stride + s - p.padding;
          if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
          sum += static_cast<double>(w[filter * taps + tap]) *
                 x[((image * p.channels + channel) * p.height + row) * p.width + column];
        }
        expected[(image * p.filters + filter) * plane + i] = sum;
      }
    }
  }
  const Buffer<float> device_x(x), device_w(w), columns(taps * positions), y(expected.size());
  launch(module.function("im2col"), {11, 192}, device_x, columns, p);
  launch(module.function("product"),
         {Extent(ceil_divide(positions, 16), ceil_divide(p.filters, 16)), Extent(16, 16)}, device_w, columns,
         y, p);
  expect_near("convolution", y.read(), expected, 1e-5, 0);
}

const Registration registration("im2col_conv", run);

}  // namespace
}  // namespace softgpu::programs
