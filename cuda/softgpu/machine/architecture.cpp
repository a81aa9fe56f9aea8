#include "architecture.h"

#include <stdexcept>
#include <vector>

namespace softgpu {
namespace {

/// Limits: CUDA C++ programming guide, technical specifications per compute capability. Clocks, buses and
/// caches: the cards' data sheets (boost clocks); mma rates: their dense tensor peaks divided by clock and
/// multiprocessors.
std::vector<Architecture> known() {
  const Architecture a100{.name = "A100"};

  Architecture t4{.name = "T4", .major = 7, .minor = 5, .multiprocessors = 40};
  t4.max_threads_per_multiprocessor = 1024;
  t4.max_blocks_per_multiprocessor = 16;
  t4.shared_per_block_optin = t4.shared_per_multiprocessor = 65536;
  t4.reserved_shared_per_block = 0;
  t4.clock_khz = 1590000;
  t4.memory_clock_khz = 5001000;
  t4.memory_bus_bits = 256;
  t4.l2_bytes = 4 << 20;
  t4.mma_flops_per_clock = 1024;

  Architecture rtx3090{.name = "RTX3090", .major = 8, .minor = 6, .multiprocessors = 82};
  rtx3090.max_threads_per_multiprocessor = 1536;
  rtx3090.max_blocks_per_multiprocessor = 16;
  rtx3090.shared_per_multiprocessor = 102400;
  rtx3090.shared_per_block_optin = 101376;
  rtx3090.clock_khz = 1695000;
  rtx3090.memory_clock_khz = 9751000;
  rtx3090.memory_bus_bits = 384;
  rtx3090.l2_bytes = 6 << 20;
  rtx3090.f32_lanes = 128;
  rtx3090.mma_flops_per_clock = 512;

  Architecture a10 = rtx3090;
  a10.name = "A10";
  a10.multiprocessors = 72;
  a10.memory_clock_khz = 6251000;
  a10.mma_flops_per_clock = 1024;

  Architecture rtx4090 = rtx3090;
  rtx4090.name = "RTX4090";
  rtx4090.minor = 9;
  rtx4090.multiprocessors = 128;
  rtx4090.max_blocks_per_multiprocessor = 24;
  rtx4090.clock_khz = 2520000;
  rtx4090.memory_clock_khz = 10501000;
  rtx4090.l2_bytes = 72 << 20;

  Architecture l4 = rtx4090;
  l4.name = "L4";
  l4.multiprocessors = 58;
  l4.clock_khz = 2040000;
  l4.memory_clock_khz = 6251000;
  l4.memory_bus_bits = 192;
  l4.l2_bytes = 48 << 20;
  l4.mma_flops_per_clock = 1024;

  Architecture h100{.name = "H100", .major = 9, .minor = 0, .multiprocessors = 132};
  h100.shared_per_multiprocessor = 233472;
  h100.shared_per_block_optin = 232448;
  h100.clock_khz = 1980000;
  h100.memory_clock_khz = 2619000;
  h100.l2_bytes = 50 << 20;
  h100.f32_lanes = 128;
  h100.mma_flops_per_clock = 4096;

  return {a100, h100, rtx3090, a10, rtx4090, l4, t4};
}

}  // namespace

Architecture architecture_named(const std::string& name) {
  std::string names;
  for (Architecture& architecture : known()) {
    if (name == architecture.name || name == "sm_" + std::to_string(architecture.number()))
      return architecture;
    names += (names.empty() ? "" : ", ") + architecture.name;
  }
  throw std::invalid_argument("expected an architecture (" + names + ", or a capability like sm_80), got \"" +
                              name + "\"");
}

}  // namespace softgpu
