// Faults of cp.async: what it brings is there after the own wait, and for others after a barrier.
#include "single_kernel.h"

namespace softgpu::programs {
namespace {

void run(const char* name, int threads) {
  const Buffer<int> x(counting(64)), y(64);
  launch_and_wait(name, {1, Extent(threads)}, x, y);
}

const Registration registrations[] = {
    Fault{"async_copy_before_wait", "async_copy", Place::marked_line, kAnyError,
          [] { run("async_copy_before_wait", 32); }},
    Fault{"async_copy_wrong_group", "async_copy", Place::marked_line, kAnyError,
          [] { run("async_copy_wrong_group", 32); }},
    Fault{"async_copy_overwritten", "async_copy", Place::marked_line, kAnyError,
          [] { run("async_copy_overwritten", 32); }},
    Fault{"async_copy_not_shared", "race", Place::marked_line, kAnyError,
          [] { run("async_copy_not_shared", 64); }},
};

}  // namespace
}  // namespace softgpu::programs
