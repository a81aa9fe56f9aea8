#include "model.h"

#include <algorithm>
#include <numeric>

namespace softgpu {
namespace {

constexpr double kCall = 2000;

/// Bytes a nanosecond: two transfers a clock.
double memory_peak(const Architecture& architecture) {
  return 2.0 * architecture.memory_clock_khz * 1e-6 * architecture.memory_bus_bits / 8;
}

}  // namespace

double kernel_nanoseconds(const Architecture& architecture, const KernelCounters& counters,
                          std::uint64_t blocks) {
  const double clocks = architecture.clock_khz * 1e-6 *
                        static_cast<double>(std::min<std::uint64_t>(architecture.multiprocessors, blocks));
  const auto sectors = static_cast<double>(counters.global_load_sectors + counters.global_store_sectors +
                                           counters.atomic_sectors);
  const auto instructions = static_cast<double>(
      std::accumulate(counters.instructions.begin(), counters.instructions.end(), std::uint64_t{0}));
  const auto f32 = static_cast<double>(counters.lanes[static_cast<std::size_t>(Class::f32)]);
  return kCall +
         std::max({32 * sectors / memory_peak(architecture), instructions / (4 * clocks),
                   f32 / (architecture.f32_lanes * clocks),
                   static_cast<double>(counters.shared_wavefronts) / clocks,
                   static_cast<double>(counters.mma_flops) / (architecture.mma_flops_per_clock * clocks)});
}

double copy_nanoseconds(const Architecture& architecture, const CopyOperation& copy, bool page_locked) {
  const auto bytes = static_cast<double>(copy.bytes());
  if (copy.to.device && copy.from.device) return kCall + 2 * bytes / memory_peak(architecture);
  return kCall + bytes / (page_locked ? 25.0 : 12.0);
}

double fill_nanoseconds(const Architecture& architecture, const FillOperation& fill) {
  return kCall +
         static_cast<double>(fill.width * fill.height * fill.element_bytes) / memory_peak(architecture);
}

}  // namespace softgpu
