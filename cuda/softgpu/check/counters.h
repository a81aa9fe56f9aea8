// What a kernel did: instructions by class, memory traffic in sectors and bytes, bank conflicts, divergence.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "../machine/op.h"

namespace softgpu {

/// Sums over all warps of a launch. "Lanes" counts active lanes; everything else counts warp instructions or
/// bytes.
struct KernelCounters {
  std::array<std::uint64_t, kClasses> instructions{};  ///< warp instructions by Class
  std::array<std::uint64_t, kClasses> lanes{};         ///< lane instructions by Class
  std::uint64_t launches = 0, blocks = 0, warps = 0;
  std::uint64_t global_load_bytes = 0, global_store_bytes = 0;      ///< asked for by lanes
  std::uint64_t global_load_sectors = 0, global_store_sectors = 0;  ///< 32-byte sectors touched
  std::uint64_t global_load_requests = 0, global_store_requests = 0;
  std::uint64_t atomic_sectors = 0;
  std::uint64_t shared_load_bytes = 0, shared_store_bytes = 0;
  std::uint64_t shared_wavefronts = 0;  ///< passes over the 32 banks
  std::uint64_t shared_conflicts = 0;   ///< wavefronts beyond the fewest possible
  std::uint64_t local_bytes = 0;
  std::uint64_t mma = 0;  ///< warp-level tensor-core instructions
  std::uint64_t mma_flops = 0;
  std::uint64_t flops = 0;  ///< f32/f64/f16 lane operations, fma = 2
  std::uint64_t branches = 0, divergent_branches = 0;
  std::uint64_t barriers = 0;
  void add(const KernelCounters& other);
  /// What came in since `earlier`.
  KernelCounters minus(const KernelCounters& earlier) const;
};

/// Counters by kernel name, over all launches since the last clear.
class Counters {
 public:
  void add(const std::string& kernel, const KernelCounters& counters);
  /// Of one kernel; zeros if it has not run.
  KernelCounters of(const std::string& kernel) const;
  std::map<std::string, KernelCounters> all() const;
  /// {"kernel": {"launches": 1, ..., "instructions": {"f32": 10, ...}, "lanes": {...}}, ...}
  std::string json() const;
  /// For people: one row a kernel, with what the counts mean (bytes a sector, lanes an instruction).
  std::string table() const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::map<std::string, KernelCounters> kernels_;
};

}  // namespace softgpu
