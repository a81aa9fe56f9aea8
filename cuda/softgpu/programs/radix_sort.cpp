// Host side of radix_sort.cu: 32-bit keys with many equal ones; std::stable_sort gives the reference.
#include <algorithm>
#include <numeric>

#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("radix_sort");
  const int count = 5003, blocks = ceil_divide(count, 256), digits = 16;
  std::vector<unsigned> keys = random.words(count), values(count);
  for (unsigned& key : keys) {
    if (key % 3 == 0) key &= 0xff0000ffu;
  }
  std::iota(values.begin(), values.end(), 0u);

  Buffer<unsigned> buffers[] = {Buffer(keys), Buffer<unsigned>(count), Buffer(values),
                                Buffer<unsigned>(count)};
  const Buffer<unsigned> counts(blocks * digits);
  int from = 0;
  for (int shift = 0; shift < 32; shift += 4, from ^= 1) {
    const Buffer<unsigned>&in = buffers[from], &out = buffers[from ^ 1];
    const Buffer<unsigned>&in_values = buffers[2 + from], &out_values = buffers[2 + (from ^ 1)];
    launch(module.function("count_digits"), {blocks, 256}, in, count, shift, counts);
    launch(module.function("scan_counts"), {1, 32}, counts, blocks * digits);
    launch(module.function("scatter"), {blocks, 256}, in, in_values, count, shift, counts, out, out_values);
  }

  std::stable_sort(values.begin(), values.end(), [&](unsigned a, unsigned b) { return keys[a] < keys[b]; });
  std::sort(keys.begin(), keys.end());
  expect_equal("keys", buffers[from].read(), keys);
  expect_equal("values", buffers[2 + from].read(), values);
}

const Registration registration("radix_sort", run);

}  // namespace
}  // namespace softgpu::programs
