// Faults of barriers, shuffles and waiting.
#include "single_kernel.h"

namespace softgpu::programs {
namespace {

void barrier_unreached() {
  const Buffer<int> y(64);
  launch_and_wait("barrier_unreached", {1, 64}, y);
}

void barrier_in_divergence() {
  const Buffer<int> y(64);
  launch_and_wait("barrier_in_divergence", {1, 64}, y);
}

void two_barriers() {
  const Buffer<int> y(64);
  launch_and_wait("two_barriers", {1, 64}, y);
}

void shuffle_inactive_lane() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("shuffle_inactive_lane", {1, 32}, x, y);
  fetch(y);
}

void shuffle_exited_lane() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("shuffle_exited_lane", {1, 32}, x, y, 21);
  fetch(y);
}

void shuffle_not_in_mask() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("shuffle_not_in_mask", {1, 32}, x, y);
}

void endless_spin() {
  const Buffer<int> flag(counting(1)), y(32);
  launch_and_wait("endless_spin", {2, 32}, flag, y);
}

const Registration registrations[] = {
    Fault{"barrier_unreached", "barrier", Place::marked_line, kAnyError, barrier_unreached},
    Fault{"barrier_in_divergence", "barrier", Place::marked_line, kAnyError, barrier_in_divergence},
    Fault{"two_barriers", "barrier", Place::marked_line, kAnyResult, two_barriers},
    Fault{"shuffle_inactive_lane", "collective", Place::marked_line, kAnyResult, shuffle_inactive_lane},
    Fault{"shuffle_exited_lane", "collective", Place::marked_line, kAnyResult, shuffle_exited_lane},
    Fault{"shuffle_not_in_mask", "collective", Place::marked_line, kAnyError, shuffle_not_in_mask},
    Fault{"endless_spin", "livelock", Place::marked_line, kTimeout, endless_spin},
};

}  // namespace
}  // namespace softgpu::programs
