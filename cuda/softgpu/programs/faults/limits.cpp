// Launches that ask for more than the architecture has.
#include "single_kernel.h"

namespace softgpu::programs {
namespace {

void launch_small(const Shape& shape) {
  const Module module("resource_limits");
  const Buffer<int> y(1);
  launch(module.function("small"), shape, y);
  synchronize();
}

void too_many_registers() {
  const Module module("resource_limits");
  Random random(1);
  const Buffer<float> x(random.floats(120 * 1024)), y(120 * 1024);
  launch(module.function("hungry"), {1, 1024}, x, y);
  synchronize();
}

const Registration registrations[] = {
    Fault{"too_many_threads", "limit", Place::launch, kAnyError,
          [] {
            launch_small({1, 1056, 16});
          }},
    Fault{"block_too_deep", "limit", Place::launch, kAnyError,
          [] {
            launch_small({1, Extent(1, 1, 65), 16});
          }},
    Fault{"too_much_shared_memory", "limit", Place::launch, kAnyError,
          [] {
            launch_small({1, 32, 60000});
          }},
    Fault{"grid_too_large", "limit", Place::launch, kAnyError,
          [] {
            launch_small({Extent(1, 65536), 32, 16});
          }},
    Fault{"too_many_registers", "limit", Place::launch, kAnyError, too_many_registers},
};

}  // namespace
}  // namespace softgpu::programs
