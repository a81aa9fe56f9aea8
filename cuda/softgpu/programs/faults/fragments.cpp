// Faults of tensor-core fragments; the host says which matrices their elements come from.
#include "../tensor_gemm.h"
#include "single_kernel.h"

namespace softgpu::programs {
namespace {

void run(const char* name) {
  Random random(1);
  const Buffer<float> a(random.floats(16 * 8)), b(random.floats(8 * 8)), c(16 * 8);
  declare_matrix(a, 16, 8, 8, 0);
  declare_matrix(b, 8, 8, 8, 1);
  launch_and_wait(name, {1, 32}, a, b, c);
  fetch(c);
}

void untransposed() {
  Random random(1);
  std::vector<std::uint16_t> values;
  for (const float value : random.floats(16 * 16)) values.push_back(to_bfloat16(value));
  const Buffer<std::uint16_t> a(values), b(values);
  const Buffer<float> c(16 * 8);
  declare_matrix(a, 16, 16, 16, 0);
  declare_matrix(b, 16, 16, 16, 1);
  launch_and_wait("fragment_untransposed", {1, 32}, a, b, c);
}

const Registration registrations[] = {
    Fault{"fragment_lane", "fragment", Place::marked_line, kAnyError, [] { run("fragment_lane"); }},
    Fault{"fragment_untransposed", "fragment", Place::marked_line, kAnyError, untransposed},
    Fault{"fragment_unwritten", "uninitialised", Place::marked_line, kAnyError,
          [] { run("fragment_unwritten"); }},
};

}  // namespace
}  // namespace softgpu::programs
