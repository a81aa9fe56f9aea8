// What a chosen architecture offers: the limits that launches are held to.
#pragma once

#include <cstdint>
#include <string>

namespace softgpu {

/// Limits of one NVIDIA architecture (CUDA programming guide, table of compute capabilities) and its memory.
struct Architecture {
  std::string name;  ///< "A100"
  std::uint32_t major = 8, minor = 0;
  std::uint32_t multiprocessors = 108;
  std::uint32_t max_threads_per_block = 1024;
  std::uint32_t max_threads_per_multiprocessor = 2048;
  std::uint32_t max_blocks_per_multiprocessor = 32;
  std::uint32_t registers_per_block = 65536;
  std::uint32_t registers_per_thread = 255;
  std::uint32_t shared_per_block = 49152;  ///< without opting in
  std::uint32_t shared_per_block_optin = 166912;
  std::uint32_t shared_per_multiprocessor = 167936;
  std::uint32_t reserved_shared_per_block = 1024;
  std::uint32_t constant_bytes = 65536;
  std::uint32_t clock_khz = 1410000;
  std::uint32_t memory_clock_khz = 1215000;
  std::uint32_t memory_bus_bits = 5120;
  std::uint32_t l2_bytes = 41943040;
  std::uint32_t f32_lanes = 64;              ///< f32 fma a clock and multiprocessor
  std::uint32_t mma_flops_per_clock = 2048;  ///< dense f16/bf16 with f32 sums, a multiprocessor
  std::uint32_t number() const { return major * 10 + minor; }
};

/// "A100" (the default), "H100", "RTX3090" ... or a capability, "sm_86"; throws std::invalid_argument naming
/// the known ones.
Architecture architecture_named(const std::string& name);

}  // namespace softgpu
