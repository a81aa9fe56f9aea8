// Faults of values that nobody wrote, and of arithmetic that has no result.
#include "single_kernel.h"

namespace softgpu::programs {
namespace {

void uninitialised_shared_output() {
  const Buffer<int> x(counting(64)), y(64);
  launch_and_wait("uninitialised_shared_output", {1, 64}, x, y);
  fetch(y);
}

void uninitialised_shared_branch() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("uninitialised_shared_branch", {1, 32}, x, y);
}

void uninitialised_shared_address() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("uninitialised_shared_address", {1, 32}, x, y);
}

void uninitialised_global_output() {
  const Buffer<int> x(32), y(32);
  launch_and_wait("uninitialised_global_output", {1, 32}, x, y);
  fetch(y);
}

void division_by_zero() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("division_by_zero", {1, 32}, x, y);
}

const Registration registrations[] = {
    Fault{"uninitialised_shared_output", "uninitialised", Place::marked_line, kAnyError,
          uninitialised_shared_output},
    Fault{"uninitialised_shared_branch", "uninitialised", Place::marked_line, kAnyError,
          uninitialised_shared_branch},
    Fault{"uninitialised_shared_address", "uninitialised", Place::marked_line, kAnyError,
          uninitialised_shared_address},
    Fault{"uninitialised_global_output", "uninitialised", Place::marked_line, kAnyError,
          uninitialised_global_output},
    Fault{"division_by_zero", "arithmetic", Place::marked_line, kAnyResult, division_by_zero},
};

}  // namespace
}  // namespace softgpu::programs
