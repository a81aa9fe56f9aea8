// Host side of spmv.cu: against double.
#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("spmv");
  const int rows = 611, columns = 409;
  std::vector<int> starts{0}, indices;
  const std::vector<float> x = random.floats(columns);
  for (int row = 0; row < rows; ++row) {
    const std::uint32_t length = random.integer(4) == 0 ? random.integer(150) : random.integer(6);
    for (std::uint32_t i = 0; i < length; ++i) indices.push_back(static_cast<int>(random.integer(columns)));
    starts.push_back(static_cast<int>(indices.size()));
  }
  const std::vector<float> values = random.floats(indices.size());
  std::vector<double> expected(rows);
  for (int row = 0; row < rows; ++row) {
    for (int i = starts[row]; i < starts[row + 1]; ++i) {
      expected[row] += static_cast<double>(values[i]) * x[indices[i]];
    }
  }
  const Buffer<int> device_starts(starts), device_indices(indices);
  const Buffer<float> device_values(values), device_x(x), y(rows), z(rows);
  launch(module.function("by_thread"), {ceil_divide(rows, 96), 96}, device_starts, device_indices,
         device_values, device_x, y, rows);
  launch(module.function("by_warp"), {ceil_divide(rows, 5), 160}, device_starts, device_indices,
         device_values, device_x, z, rows);
  expect_near("by_thread", y.read(), expected, 1e-5, 0);
  expect_near("by_warp", z.read(), expected, 1e-5, 0);
}

const Registration registration("spmv", run);

}  // namespace
}  // namespace softgpu::programs
