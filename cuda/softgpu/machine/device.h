// A device: its architecture, memory, findings, counters and settings. What the driver's entry points work
// on.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "../check/counters.h"
#include "../check/finding.h"
#include "../memory/declared_matrix.h"
#include "../memory/device_memory.h"
#include "../memory/undefined_stores.h"
#include "../memory/work_names.h"
#include "architecture.h"

namespace softgpu {

/// How strict and in which order. Read from the environment once; tests set fields.
struct Settings {
  std::uint64_t seed =
      0;  ///< SOFTGPU_SEED: order of blocks, warps, slices, lane groups, asynchronous copies; 0 = natural
  std::uint32_t threads = 0;  ///< SOFTGPU_THREADS: worker threads; 0 = one a processor
  bool checks = true;         ///< SOFTGPU_CHECKS=off: neither definedness nor races
  bool races = true;          ///< SOFTGPU_CHECKS=memory: no races
  bool exact_mma = false;     ///< SOFTGPU_MMA=hardware: A100's summation bit for bit; else an f32 fma chain
  bool perturb =
      false;  ///< SOFTGPU_APPROXIMATE=perturbed: approximate functions err up to their stated bound
  std::uint64_t watchdog =
      1'000'000'000;  ///< SOFTGPU_WATCHDOG: warp instructions without progress before 702
  std::uint64_t memory = std::uint64_t{8} << 30;  ///< SOFTGPU_MEMORY: bytes of device memory
  bool exited_miss_barriers =
      false;  ///< SOFTGPU_BARRIER=volta: exited threads may miss a barrier (a warning)
  std::uint32_t stack_bytes = 65536;  ///< SOFTGPU_STACK: local memory a thread may use at most
  std::string architecture = "A100";  ///< SOFTGPU_ARCHITECTURE
  /// Reads the environment. Throws std::invalid_argument naming the variable, what it held and what it may
  /// hold.
  static Settings from_environment();
};

class Device {
 public:
  explicit Device(Settings settings);
  Settings settings;
  std::uint64_t launches = 0;  ///< since the seed was set
  Architecture architecture;
  DeviceMemory memory;
  Findings findings;
  Counters counters;
  DeclaredMatrices matrices;
  UndefinedStores undefined_stores;
  WorkNames work;  ///< names of the pieces of work that race records number
};

}  // namespace softgpu
