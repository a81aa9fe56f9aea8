// Faults of order between streams: a copy and a kernel that do not wait for the kernel before them.
#include "single_kernel.h"

namespace softgpu::programs {
namespace {

void copy_unordered() {
  const Module module("stream_order");
  const Buffer<int> x(32);
  Pinned<int> host(32);
  const Stream first, second;
  launch(module.function("produce"), {1, 32, 0, first}, x);
  driver().cuMemcpyDtoHAsync_v2(host.data(), x.address(), host.bytes(), second);
  first.synchronize();
  second.synchronize();
}

void kernel_unordered() {
  const Module module("stream_order");
  const Buffer<int> x(32), y(32);
  const Stream first, second;
  launch(module.function("produce"), {1, 32, 0, first}, x);
  launch(module.function("consume"), {1, 32, 0, second}, x, y);
  first.synchronize();
  second.synchronize();
}

void freed_while_used() {
  const Module module("stream_order");
  const Stream first, second;
  CUdeviceptr x = 0;
  driver().cuMemAllocAsync(&x, 32 * sizeof(int), first);
  launch(module.function("produce"), {1, 32, 0, first}, x);
  driver().cuMemFreeAsync(x, second);
  first.synchronize();
  second.synchronize();
}

const Registration registrations[] = {
    Fault{"copy_unordered", "unordered", Place::launch, kAnyResult, copy_unordered},
    Fault{"kernel_unordered", "unordered", Place::launch, kAnyResult, kernel_unordered},
    Fault{"freed_while_used", "unordered", Place::launch, kAnyResult, freed_while_used},
};

}  // namespace
}  // namespace softgpu::programs
