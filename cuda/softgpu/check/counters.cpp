#include "counters.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

#include "json_text.h"

namespace softgpu {
namespace {

struct Field {
  const char* name;
  std::uint64_t KernelCounters::*value;
};

constexpr Field kFields[] = {
    {"launches", &KernelCounters::launches},
    {"blocks", &KernelCounters::blocks},
    {"warps", &KernelCounters::warps},
    {"globalLoadBytes", &KernelCounters::global_load_bytes},
    {"globalStoreBytes", &KernelCounters::global_store_bytes},
    {"globalLoadSectors", &KernelCounters::global_load_sectors},
    {"globalStoreSectors", &KernelCounters::global_store_sectors},
    {"globalLoadRequests", &KernelCounters::global_load_requests},
    {"globalStoreRequests", &KernelCounters::global_store_requests},
    {"atomicSectors", &KernelCounters::atomic_sectors},
    {"sharedLoadBytes", &KernelCounters::shared_load_bytes},
    {"sharedStoreBytes", &KernelCounters::shared_store_bytes},
    {"sharedWavefronts", &KernelCounters::shared_wavefronts},
    {"sharedConflicts", &KernelCounters::shared_conflicts},
    {"localBytes", &KernelCounters::local_bytes},
    {"mma", &KernelCounters::mma},
    {"mmaFlops", &KernelCounters::mma_flops},
    {"flops", &KernelCounters::flops},
    {"branches", &KernelCounters::branches},
    {"divergentBranches", &KernelCounters::divergent_branches},
    {"barriers", &KernelCounters::barriers},
};

std::string classes(const std::array<std::uint64_t, kClasses>& counts) {
  std::string text = "{";
  for (std::uint32_t i = 0; i < kClasses; ++i) {
    if (counts[i] == 0) continue;
    if (text.size() > 1) text += ",";
    text += quoted(name_of(static_cast<Class>(i))) + ":" + std::to_string(counts[i]);
  }
  return text + "}";
}

std::uint64_t sum(const std::array<std::uint64_t, kClasses>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

/// Three digits and a prefix: "12.3M".
std::string shortened(std::uint64_t value) {
  static constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  if (value < 1000) return std::to_string(value);
  auto scaled = static_cast<double>(value);
  int prefix = 0;
  while (scaled >= 999.5 && prefix < 6) {
    scaled /= 1000;
    ++prefix;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.*f%s",
                scaled < 9.995   ? 2
                : scaled < 99.95 ? 1
                                 : 0,
                scaled, kPrefixes[prefix]);
  return text;
}

std::string ratio(std::uint64_t over, std::uint64_t under, int digits) {
  if (under == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, static_cast<double>(over) / static_cast<double>(under));
  return text;
}

}  // namespace

void KernelCounters::add(const KernelCounters& other) {
  for (std::uint32_t i = 0; i < kClasses; ++i) {
    instructions[i] += other.instructions[i];
    lanes[i] += other.lanes[i];
  }
  for (const Field& field : kFields) this->*field.value += other.*field.value;
}

KernelCounters KernelCounters::minus(const KernelCounters& earlier) const {
  KernelCounters difference = *this;
  for (std::uint32_t i = 0; i < kClasses; ++i) {
    difference.instructions[i] -= earlier.instructions[i];
    difference.lanes[i] -= earlier.lanes[i];
  }
  for (const Field& field : kFields) difference.*field.value -= earlier.*field.value;
  return difference;
}

void Counters::add(const std::string& kernel, const KernelCounters& counters) {
  std::lock_guard lock(mutex_);
  kernels_[kernel].add(counters);
}

KernelCounters Counters::of(const std::string& kernel) const {
  std::lock_guard lock(mutex_);
  const auto found = kernels_.find(kernel);
  return found == kernels_.end() ? KernelCounters{} : found->second;
}

std::map<std::string, KernelCounters> Counters::all() const {
  std::lock_guard lock(mutex_);
  return kernels_;
}

std::string Counters::json() const {
  std::lock_guard lock(mutex_);
  std::string text = "{";
  for (const auto& [kernel, counters] : kernels_) {
    if (text.size() > 1) text += ",\n ";
    text += quoted(kernel) + ":{";
    for (const Field& field : kFields)
      text += quoted(field.name) + ":" + std::to_string(counters.*field.value) + ",";
    text +=
        "\"instructions\":" + classes(counters.instructions) + ",\"lanes\":" + classes(counters.lanes) + "}";
  }
  return text + "}";
}

std::string Counters::table() const {
  std::vector<std::vector<std::string>> rows = {{"kernel", "launches", "blocks", "warp instr", "lanes/instr",
                                                 "flops", "mma flops", "global ld", "B/sector", "global st",
                                                 "B/sector", "atomic sect", "shared passes", "conflicts",
                                                 "local", "divergent"}};
  {
    std::lock_guard lock(mutex_);
    for (const auto& [kernel, c] : kernels_) {
      const std::uint64_t instructions = sum(c.instructions);
      rows.push_back(
          {kernel, shortened(c.launches), shortened(c.blocks), shortened(instructions),
           ratio(sum(c.lanes), instructions, 1), shortened(c.flops), shortened(c.mma_flops),
           shortened(c.global_load_bytes) + "B", ratio(c.global_load_bytes, c.global_load_sectors, 1),
           shortened(c.global_store_bytes) + "B", ratio(c.global_store_bytes, c.global_store_sectors, 1),
           shortened(c.atomic_sectors), shortened(c.shared_wavefronts), shortened(c.shared_conflicts),
           shortened(c.local_bytes) + "B", ratio(c.divergent_branches, c.branches, 3)});
    }
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      text += i == 0 ? row[i] + padding : "  " + padding + row[i];
    }
    text += '\n';
  }
  return text;
}

void Counters::clear() {
  std::lock_guard lock(mutex_);
  kernels_.clear();
}

}  // namespace softgpu
