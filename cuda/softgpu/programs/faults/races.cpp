// Faults of order between threads: shared memory, blocks, flags, atomics beside plain accesses.
#include "single_kernel.h"

namespace softgpu::programs {
namespace {

void shared_race() {
  const Buffer<int> x(counting(128)), y(128);
  launch_and_wait("shared_race", {1, 128}, x, y);
}

void shared_race_in_warp() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("shared_race_in_warp", {1, 32}, x, y);
}

void shared_race_reused_buffer() {
  const Buffer<int> x(counting(384)), y(128);
  launch_and_wait("shared_race_reused_buffer", {1, 128}, x, y);
}

void split_barrier_unawaited() {
  const Buffer<int> x(counting(128)), y(128);
  launch_and_wait("split_barrier_unawaited", {1, 128}, x, y);
}

void block_race() {
  const Buffer<int> y(1);
  launch_and_wait("block_race", {16, 32}, y);
}

void missing_fence() {
  const Buffer<int> data(counting(1)), flag(counting(1)), y(1);
  const Buffer<unsigned> ticket(std::vector<unsigned>{0});
  launch_and_wait("missing_fence", {2, 1}, data, flag, y, ticket);
}

void atomic_and_plain() {
  const Buffer<unsigned> counter(std::vector<unsigned>{0}), y(1);
  launch_and_wait("atomic_and_plain", {8, 32}, counter, y);
}

void read_only_written() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("read_only_written", {1, 32}, x, y);
}

const Registration registrations[] = {
    Fault{"shared_race", "race", Place::marked_line, kAnyError, shared_race},
    Fault{"shared_race_in_warp", "race", Place::marked_line, kAnyError, shared_race_in_warp},
    Fault{"shared_race_reused_buffer", "race", Place::marked_line, kAnyError, shared_race_reused_buffer},
    Fault{"split_barrier_unawaited", "race", Place::marked_line, kAnyError, split_barrier_unawaited},
    Fault{"block_race", "race", Place::marked_line, kAnyError, block_race},
    Fault{"missing_fence", "race", Place::marked_line, kAnyResult, missing_fence},
    Fault{"atomic_and_plain", "race", Place::marked_line, kAnyError, atomic_and_plain},
    Fault{"read_only_written", "read_only", Place::marked_line, kAnyError, read_only_written},
};

}  // namespace
}  // namespace softgpu::programs
