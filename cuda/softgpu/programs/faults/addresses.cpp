// Faults of addresses: outside, freed, null, misaligned, read-only, the host's; and stacks.
#include "single_kernel.h"

namespace softgpu::programs {
namespace {

void global_load_past_end() {
  const Buffer<int> x(counting(101)), y(32);
  launch_and_wait("global_load_past_end", {1, 32}, x, y, 101);
}

void global_store_past_end() {
  const Buffer<int> y(101);
  launch_and_wait("global_store_past_end", {2, 64}, y, 101);
}

void shared_past_end() {
  const Buffer<int> y(32);
  launch_and_wait("shared_past_end", {1, 32, 32 * sizeof(int)}, y);
}

void static_array_past_end() {
  const Buffer<int> y(32);
  launch_and_wait("static_array_past_end", {1, 32}, y, 2);
}

void local_past_end() {
  const Buffer<int> x(counting(9)), y(32);
  launch_and_wait("local_past_end", {1, 32}, x, y, 9);
}

void use_after_free() {
  const Buffer<int> y(32);
  CUdeviceptr x = 0;
  {
    const Buffer<int> freed(counting(32));
    x = freed.address();
  }
  launch_and_wait("use_after_free", {1, 32}, x, y);
}

void null_pointer() {
  const Buffer<int> y(32);
  launch_and_wait("null_pointer", {1, 32}, CUdeviceptr{0}, y);
}

void misaligned_vector() {
  const Buffer<float> x(std::vector<float>(64)), y(32);
  launch_and_wait("misaligned_vector", {1, 8}, x, y);
}

void host_dereference() {
  const Buffer<int> x(counting(32));
  expect(*reinterpret_cast<volatile int*>(x.address()) != 0, "the host read device memory");
}

void constant_written() {
  const Buffer<int> y(32);
  const Module module("constant_written");
  launch(module.function("kernel"), {1, 32}, module.global("table").address, y);
  synchronize();
}

void stack_overflow() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("stack_overflow", {1, 32}, x, y);
}

void trap() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("trap", {1, 32}, x, y);
}

void assertion() {
  const Buffer<int> x(counting(32)), y(32);
  launch_and_wait("assertion", {1, 32}, x, y);
}

const Registration registrations[] = {
    Fault{"global_load_past_end", "bounds", Place::marked_line, kIllegalAddress, global_load_past_end},
    Fault{"global_store_past_end", "bounds", Place::marked_line, kIllegalAddress, global_store_past_end},
    Fault{"shared_past_end", "bounds", Place::marked_line, kAnyError, shared_past_end},
    Fault{"static_array_past_end", "bounds", Place::marked_line, kAnyError, static_array_past_end},
    Fault{"local_past_end", "bounds", Place::marked_line, kAnyError, local_past_end},
    Fault{"use_after_free", "bounds", Place::marked_line, kIllegalAddress, use_after_free},
    Fault{"null_pointer", "bounds", Place::marked_line, kIllegalAddress, null_pointer},
    Fault{"misaligned_vector", "alignment", Place::marked_line, kMisalignedAddress, misaligned_vector},
    Fault{"host_dereference", "host_access", Place::host, kAnyResult, host_dereference},
    Fault{"constant_written", "read_only", Place::marked_line, kAnyError, constant_written},
    Fault{"stack_overflow", "trap", Place::marked_line, kAnyError, stack_overflow},
    Fault{"trap", "trap", Place::marked_line, kAnyError, trap},
    Fault{"assertion", "trap", Place::marked_line, kAssert, assertion},
};

}  // namespace
}  // namespace softgpu::programs
