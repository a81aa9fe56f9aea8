// Host side of transpose.cu: 197 x 301 floats and bytes, exact.
#include "harness.h"

namespace softgpu::programs {
namespace {

template <class T>
void transpose(CUfunction function, const std::vector<T>& values, int rows, int columns) {
  std::vector<T> expected(values.size());
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) expected[c * rows + r] = values[r * columns + c];
  }
  const Buffer<T> x(values), y(values.size());
  launch(function, {Extent(ceil_divide(columns, 32), ceil_divide(rows, 32)), Extent(32, 8)}, x, y, rows,
         columns);
  expect_equal("transpose", y.read(), expected);
}

void run(Random& random) {
  const Module module("transpose");
  const int rows = 197, columns = 301;
  transpose(module.function("transpose_f32"), random.floats(rows * columns), rows, columns);
  std::vector<unsigned char> bytes(rows * columns);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random.bits());
  transpose(module.function("transpose_u8"), bytes, rows, columns);
}

const Registration registration("transpose", run);

}  // namespace
}  // namespace softgpu::programs
