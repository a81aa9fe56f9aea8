#include "limits.h"

#include <algorithm>

namespace softgpu {
namespace {

constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t to) { return (value + to - 1) / to * to; }

std::uint32_t product(const Dim3& extents) { return extents[0] * extents[1] * extents[2]; }

std::uint32_t bound_of(const Kernel& kernel) {
  const ptx::Function& entry = kernel.entry();
  const std::uint32_t* bound = entry.max_threads[0] != 0 ? entry.max_threads : entry.required_threads;
  if (bound[0] == 0) return 0;
  return bound[0] * std::max(1u, bound[1]) * std::max(1u, bound[2]);
}

std::uint32_t registers_of_warp(std::uint32_t registers) { return round_up(registers * kLanes, 256); }

std::string text(const Dim3& extents) {
  return "(" + std::to_string(extents[0]) + "," + std::to_string(extents[1]) + "," +
         std::to_string(extents[2]) + ")";
}

[[noreturn]] void refuse(Driver& driver, const Launch& launch, int code, const std::string& message) {
  driver.report(Check::limit, Severity::error, code, "kernel " + launch.kernel->name() + ": " + message);
  throw CallError(code);
}

}  // namespace

std::uint32_t registers_of(const Architecture& architecture, const Kernel& kernel) {
  std::uint32_t most = architecture.registers_per_thread;
  if (const std::uint32_t bound = bound_of(kernel); bound != 0) {
    const std::uint32_t warps = (bound + kLanes - 1) / kLanes;
    const std::uint32_t blocks = std::max(1u, kernel.entry().min_blocks);
    most = std::min(most, architecture.registers_per_block / (warps * blocks * kLanes) / 8 * 8);
  }
  return std::clamp(kernel.registers(), 16u, std::max(16u, most));
}

std::uint32_t most_threads(const Architecture& architecture, const Kernel& kernel) {
  const std::uint32_t by_registers =
      architecture.registers_per_block / registers_of_warp(registers_of(architecture, kernel)) * kLanes;
  const std::uint32_t most = std::min(architecture.max_threads_per_block, by_registers);
  const std::uint32_t bound = bound_of(kernel);
  return bound == 0 ? most : std::min(most, bound);
}

std::uint32_t most_dynamic_shared(const Architecture& architecture, const Kernel& kernel) {
  if (kernel.max_dynamic_shared != 0) return kernel.max_dynamic_shared;
  const std::uint32_t used = kernel.static_shared();
  return used >= architecture.shared_per_block ? 0 : architecture.shared_per_block - used;
}

std::uint32_t resident_blocks(const Architecture& architecture, const Kernel& kernel, std::uint32_t threads,
                              std::uint64_t dynamic_shared) {
  if (threads == 0 || threads > most_threads(architecture, kernel)) return 0;
  const std::uint64_t shared = kernel.static_shared() + dynamic_shared;
  if (shared > architecture.shared_per_block_optin) return 0;
  const std::uint32_t warps = (threads + kLanes - 1) / kLanes;
  std::uint32_t blocks = architecture.max_blocks_per_multiprocessor;
  blocks = std::min(blocks, architecture.max_threads_per_multiprocessor / (warps * kLanes));
  // Each of a multiprocessor's four schedulers holds whole warps in its quarter of the registers.
  const std::uint32_t warp_registers = registers_of_warp(registers_of(architecture, kernel));
  blocks = std::min(blocks, architecture.registers_per_block / 4 / warp_registers * 4 / warps);
  const std::uint32_t block_shared =
      round_up(static_cast<std::uint32_t>(shared) + architecture.reserved_shared_per_block, 128);
  if (block_shared != 0) blocks = std::min(blocks, architecture.shared_per_multiprocessor / block_shared);
  return blocks;
}

void check_limits(Driver& driver, const Launch& launch) {
  const Architecture& architecture = driver.device->architecture;
  const Kernel& kernel = *launch.kernel;
  const Dim3 most_blocks{0x7fffffff, 65535, 65535};
  const Dim3 most_sides{architecture.max_threads_per_block, architecture.max_threads_per_block, 64};
  for (int i = 0; i < 3; ++i) {
    if (launch.grid[i] == 0 || launch.grid[i] > most_blocks[i])
      refuse(driver, launch, CUDA_ERROR_INVALID_VALUE,
             "grid " + text(launch.grid) + ": expected 1 to " + text(most_blocks) + " blocks");
    if (launch.block[i] == 0 || launch.block[i] > most_sides[i])
      refuse(driver, launch, CUDA_ERROR_INVALID_VALUE,
             "block " + text(launch.block) + ": expected 1 to " + text(most_sides) + " threads");
  }
  const std::uint32_t threads = product(launch.block);
  if (threads > architecture.max_threads_per_block)
    refuse(driver, launch, CUDA_ERROR_INVALID_VALUE,
           "block " + text(launch.block) + " of " + std::to_string(threads) + " threads: " +
               architecture.name + " has at most " + std::to_string(architecture.max_threads_per_block));
  const ptx::Function& entry = kernel.entry();
  const Dim3 required{entry.required_threads[0], std::max(1u, entry.required_threads[1]),
                      std::max(1u, entry.required_threads[2])};
  if (required[0] != 0 && required != launch.block)
    refuse(driver, launch, CUDA_ERROR_INVALID_VALUE,
           "block " + text(launch.block) + ": the kernel requires (.reqntid) " + text(required));
  if (const std::uint32_t bound = bound_of(kernel); bound != 0 && threads > bound)
    refuse(driver, launch, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
           std::to_string(threads) + " threads a block: its launch bounds (.maxntid) allow " +
               std::to_string(bound));
  const std::uint32_t registers = registers_of(architecture, kernel);
  if (threads > most_threads(architecture, kernel))
    refuse(driver, launch, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
           std::to_string(threads) + " threads of at least " + std::to_string(registers) + " registers: " +
               architecture.name + " has " + std::to_string(architecture.registers_per_block) +
               " a block; give the kernel __launch_bounds__");
  const std::uint32_t dynamic = most_dynamic_shared(architecture, kernel);
  if (launch.dynamic_shared > dynamic || kernel.static_shared() > architecture.shared_per_block) {
    const std::string advice =
        kernel.max_dynamic_shared != 0
            ? std::to_string(dynamic) + " is what cuFuncSetAttribute has allowed"
            : std::to_string(architecture.shared_per_block) +
                  " is what a block has unless cuFuncSetAttribute("
                  "CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) asks for more, at most " +
                  std::to_string(architecture.shared_per_block_optin) + " on " + architecture.name;
    refuse(driver, launch, CUDA_ERROR_INVALID_VALUE,
           std::to_string(kernel.static_shared()) + " bytes of static and " +
               std::to_string(launch.dynamic_shared) + " of dynamic shared memory: " + advice);
  }
  if (launch.cooperative) {
    const std::uint64_t resident =
        std::uint64_t{resident_blocks(architecture, kernel, threads, launch.dynamic_shared)} *
        architecture.multiprocessors;
    const std::uint64_t blocks = std::uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2];
    if (blocks > resident)
      refuse(driver, launch, CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
             std::to_string(blocks) + " blocks in a cooperative launch: " + architecture.name + " holds " +
                 std::to_string(resident) + " at once");
  }
}

}  // namespace softgpu
