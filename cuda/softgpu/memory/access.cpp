#include "access.h"

#include <algorithm>

#include "../machine/block.h"

namespace softgpu {

namespace {

std::uint32_t first_lane(std::uint32_t lanes) { return static_cast<std::uint32_t>(std::countr_zero(lanes)); }

std::string hex(std::uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

const char* verb(Access::Kind kind) {
  return kind == Access::Kind::load ? "a load" : kind == Access::Kind::store ? "a store" : "an atomic";
}

const char* name_of(Window window) {
  switch (window) {
    case Window::global:
      return "global memory";
    case Window::shared:
      return "shared memory";
    case Window::local:
      return "local memory";
    case Window::param:
      return "parameters";
    case Window::function:
      return "functions";
  }
  return "no known space";
}

[[noreturn]] void out_of_bounds(Warp& warp, const Access& access, std::uint32_t lane,
                                const std::string& what) {
  warp.fault(Check::bounds, lane,
             std::string(verb(access.kind)) + " of " + std::to_string(access.bytes) + " bytes at " +
                 hex(access.address[lane]) + " in " + name_of(access.window) + ": " + what,
             700);
}

}  // namespace

std::uint32_t begin_access(Warp& warp, Access& access, Slot base, bool wide, std::uint64_t offset,
                           bool generic, std::uint32_t lanes) {
  if (base == kNoSlot) {
    access.address.fill(offset);
  } else {
    warp.check_defined(warp.defined(base), "an address");
    if (wide) {
      const std::uint64_t* a = warp.lanes<std::uint64_t>(base);
      for (std::uint32_t i = 0; i < kLanes; ++i) access.address[i] = a[i] + offset;
    } else {
      const std::uint32_t* a = warp.lanes<std::uint32_t>(base);
      const auto small = static_cast<std::uint32_t>(offset);
      for (std::uint32_t i = 0; i < kLanes; ++i) access.address[i] = a[i] + small;
    }
  }
  access.lanes = lanes;
  if (!generic) return 0;
  access.window = window_of(access.address[first_lane(lanes)]);
  std::uint32_t same = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((lanes >> i & 1) != 0 && window_of(access.address[i]) == access.window) same |= 1u << i;
  }
  access.lanes = same;
  if (access.window != Window::global) {
    for (std::uint64_t& each : access.address) each = offset_in_window(each);
  }
  return lanes & ~same;
}

void locate(Warp& warp, const Access& access, Located& located) {
  const std::uint32_t bytes = access.bytes;
  std::uint64_t low = ~std::uint64_t{0}, high = 0, bits = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((access.lanes >> i & 1) == 0) continue;
    low = std::min(low, access.address[i]);
    high = std::max(high, access.address[i]);
    bits |= access.address[i];
  }
  if ((bits & (bytes - 1)) != 0) {
    std::uint32_t lane = first_lane(access.lanes);
    while ((access.lanes >> lane & 1) == 0 || (access.address[lane] & (bytes - 1)) == 0) ++lane;
    warp.fault(Check::alignment, lane,
               std::string(verb(access.kind)) + " of " + std::to_string(bytes) + " bytes at " +
                   hex(access.address[lane]) + ", which is not a multiple of " + std::to_string(bytes),
               716);
  }
  Block& block = warp.block();
  switch (access.window) {
    case Window::global: {
      DeviceMemory& memory = block.device().memory;
      const Allocation* all = memory.contains(low) ? memory.find(low, high - low + bytes) : nullptr;
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        if ((access.lanes >> i & 1) == 0) continue;
        const std::uint64_t address = access.address[i];
        const Allocation* allocation = all;
        if (allocation == nullptr) {
          allocation = memory.contains(address) ? memory.find(address, bytes) : nullptr;
          if (allocation == nullptr) {
            out_of_bounds(
                warp, access, i,
                memory.contains(address) ? memory.describe(address) : "no device memory lies there");
          }
        }
        if (access.kind != Access::Kind::load && allocation->constant) {
          warp.fault(Check::read_only, i,
                     std::string(verb(access.kind)) + " to constant memory " + allocation->name, 717);
        }
        located.bytes[i] = memory.bytes(address);
        located.defined[i] = memory.defined(address);
      }
      return;
    }
    case Window::shared:
      if (high + bytes > block.shared_bytes()) {
        std::uint32_t lane = first_lane(access.lanes);
        while ((access.lanes >> lane & 1) == 0 || access.address[lane] + bytes <= block.shared_bytes())
          ++lane;
        out_of_bounds(warp, access, lane, "the block has " + std::to_string(block.shared_bytes()) + " bytes");
      }
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        const std::uint64_t offset = (access.lanes >> i & 1) != 0 ? access.address[i] : 0;
        located.bytes[i] = block.shared(offset);
        located.defined[i] = block.shared_defined(offset);
      }
      return;
    case Window::local: {
      const std::uint64_t end = std::uint64_t{warp.context().local} + warp.function().local_bytes;
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        if ((access.lanes >> i & 1) == 0) continue;
        if (access.address[i] + bytes > end) {
          out_of_bounds(warp, access, i, "the thread's stack ends at " + hex(end));
        }
        located.bytes[i] = warp.local(i, access.address[i]);
        located.defined[i] = warp.local_defined(i, access.address[i]);
      }
      return;
    }
    default:
      warp.fault(Check::address_space, first_lane(access.lanes),
                 std::string(verb(access.kind)) + " through an address of " + name_of(access.window), 717);
  }
}

namespace {

/// True if all of `bytes` shadow bytes are kDefined.
bool all_defined(const std::uint8_t* shadow, std::uint32_t bytes) {
  std::uint64_t a, b;
  switch (bytes) {
    case 1:
      return *shadow == kDefined;
    case 2: {
      std::uint16_t v;
      std::memcpy(&v, shadow, 2);
      return v == 0xffff;
    }
    case 4: {
      std::uint32_t v;
      std::memcpy(&v, shadow, 4);
      return v == 0xffffffff;
    }
    case 8:
      std::memcpy(&a, shadow, 8);
      return a == ~std::uint64_t{0};
    default:
      std::memcpy(&a, shadow, 8);
      std::memcpy(&b, shadow + 8, 8);
      return (a & b) == ~std::uint64_t{0};
  }
}

/// Sets the `bytes` shadow bytes of one lane.
void set_defined(std::uint8_t* shadow, std::uint8_t value, std::uint32_t bytes) {
  switch (bytes) {
    case 1:
      *shadow = value;
      break;
    case 2:
      std::memset(shadow, value, 2);
      break;
    case 4:
      std::memset(shadow, value, 4);
      break;
    case 8:
      std::memset(shadow, value, 8);
      break;
    default:
      std::memset(shadow, value, 16);
  }
}

}  // namespace

void check_plain(Warp& warp, const Access& access, const Located& located, std::uint32_t lane) {
  const std::uint8_t *const first = located.defined[lane], *const end = first + access.bytes;
  if (access.window != Window::shared || std::find(first, end, kMbarrier) == end) return;
  warp.fault(Check::barrier, lane,
             std::string(verb(access.kind)) + " of " + std::to_string(access.bytes) + " bytes at " +
                 hex(access.address[lane]) +
                 " in shared memory, which holds an mbarrier: only mbarrier instructions may touch it until "
                 "mbarrier.inval");
}

std::uint32_t defined_lanes(Warp& warp, const Access& access, const Located& located) {
  if (!warp.block().settings().checks) return ~0u;
  std::uint32_t result = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((access.lanes >> i & 1) == 0) continue;
    if (all_defined(located.defined[i], access.bytes)) {
      result |= 1u << i;
      continue;
    }
    check_plain(warp, access, located, i);
    if (std::find(located.defined[i], located.defined[i] + access.bytes, kInFlight) !=
        located.defined[i] + access.bytes) {
      warp.report(
          Check::async_copy, i,
          "reads shared memory that a cp.async is still bringing: wait for its group (cp.async.wait_group), "
          "and let other threads pass a barrier after that");
    }
  }
  return result;
}

void mark_written(Warp& warp, const Access& access, const Located& located, std::uint32_t defined) {
  if (!warp.block().settings().checks) return;
  if ((access.lanes & ~defined) != 0 && access.window == Window::global) {
    std::uint64_t low = ~std::uint64_t{0}, high = 0;
    for (std::uint32_t lanes = access.lanes & ~defined; lanes != 0; lanes &= lanes - 1) {
      low = std::min(low, access.address[first_lane(lanes)]);
      high = std::max(high, access.address[first_lane(lanes)]);
    }
    warp.block().device().undefined_stores.add(warp.place(), low, high + access.bytes);
  }
  if (warp.traces_origins()) {
    for (std::uint32_t lanes = access.lanes; lanes != 0; lanes &= lanes - 1)
      warp.block().origins().forget(access.window, access.address[first_lane(lanes)], access.bytes);
  }
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((access.lanes >> i & 1) == 0) continue;
    check_plain(warp, access, located, i);
    if (access.window == Window::shared && std::find(located.defined[i], located.defined[i] + access.bytes,
                                                     kInFlight) != located.defined[i] + access.bytes) {
      warp.report(Check::async_copy, i, "writes shared memory that a cp.async is about to overwrite");
    }
    set_defined(located.defined[i], (defined >> i & 1) != 0 ? kDefined : kUndefined, access.bytes);
  }
}

namespace {

/// Distinct 32-byte sectors that the lanes touch.
std::uint32_t sectors(const Access& access) {
  std::array<std::uint64_t, 2 * kLanes> ids;
  std::uint32_t count = 0;
  std::uint64_t low = ~std::uint64_t{0}, high = 0;
  for (std::uint32_t lanes = access.lanes; lanes != 0; lanes &= lanes - 1) {
    const std::uint64_t id = access.address[first_lane(lanes)] >> 5;  // an aligned access lies in one sector
    ids[count++] = id;
    low = std::min(low, id);
    high = std::max(high, id);
  }
  if (high - low < 64) {
    std::uint64_t seen = 0;
    for (std::uint32_t i = 0; i < count; ++i) seen |= std::uint64_t{1} << (ids[i] - low);
    return static_cast<std::uint32_t>(std::popcount(seen));
  }
  std::sort(ids.begin(), ids.begin() + count);
  return static_cast<std::uint32_t>(std::unique(ids.begin(), ids.begin() + count) - ids.begin());
}

/// Passes over the 32 banks that a shared access takes: wide accesses go in parts of the warp (8 bytes:
/// halves, 16 bytes: quarters), in each part every bank delivers one word a pass.
std::uint32_t wavefronts(const Access& access, std::uint32_t& fewest) {
  const std::uint32_t words = std::max(1u, access.bytes / 4), part = kLanes / words;
  std::uint32_t total = 0;
  fewest = 0;
  for (std::uint32_t start = 0; start < kLanes; start += part) {
    std::array<std::uint32_t, 32> seen[4];
    std::array<std::uint8_t, 32> count{};
    std::uint32_t most = 0;
    for (std::uint32_t i = start; i < start + part; ++i) {
      if ((access.lanes >> i & 1) == 0) continue;
      const auto first = static_cast<std::uint32_t>(access.address[i] >> 2);
      for (std::uint32_t w = 0; w < words; ++w) {
        const std::uint32_t word = first + w, bank = word & 31;
        const std::uint32_t known = std::min<std::uint32_t>(count[bank], 4);
        bool found = false;
        for (std::uint32_t k = 0; k < known; ++k) found = found || seen[k][bank] == word;
        if (found) continue;
        seen[count[bank] & 3][bank] = word;
        count[bank] = static_cast<std::uint8_t>(count[bank] + 1);
        most = std::max<std::uint32_t>(most, count[bank]);
      }
    }
    total += most;
    fewest += most != 0 ? 1 : 0;
  }
  return total;
}

}  // namespace

const AccessPattern& pattern_of(Warp& warp, const Access& access) {
  const bool shared = access.window == Window::shared;
  const std::uint64_t first = access.address[first_lane(access.lanes)];
  const std::uint32_t function = warp.function().number;
  const auto phase = static_cast<std::uint32_t>(first & (shared ? 3 : 31)) | (shared ? 0 : 32);
  AccessPattern& known = warp.block().access_patterns.of(warp.context().pc - 1);
  alignas(64) std::array<std::uint64_t, kLanes> difference;
  std::uint64_t unlike = 0;
  if (access.lanes == 0xffffffff) {
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      difference[i] = access.address[i] - first;
      unlike |= difference[i] ^ known.difference[i];
    }
  } else {
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      difference[i] = (access.lanes >> i & 1) != 0 ? access.address[i] - first : 0;
      unlike |= difference[i] ^ known.difference[i];
    }
  }
  if (unlike == 0 && known.function == function && known.lanes == access.lanes && known.phase == phase)
    return known;
  known.function = function;
  known.lanes = access.lanes;
  known.phase = phase;
  known.difference = difference;
  known.fewest = 0;
  known.cost = shared ? wavefronts(access, known.fewest) : sectors(access);
  known.distinct_count = known.shared = 0;
  for (std::uint32_t lanes = access.lanes; lanes != 0; lanes &= lanes - 1) {
    const std::uint32_t lane = first_lane(lanes);
    std::uint32_t entry = 0;
    while (entry < known.distinct_count && difference[known.distinct[entry]] != difference[lane]) ++entry;
    if (entry < known.distinct_count) {
      known.shared |= 1u << entry;
    } else {
      known.distinct[known.distinct_count++] = static_cast<std::uint8_t>(lane);
    }
  }
  return known;
}

void count_pattern(Warp& warp, const Access& access, const AccessPattern& pattern) {
  KernelCounters& counters = warp.counters();
  const std::uint64_t bytes =
      std::uint64_t{access.bytes} * static_cast<std::uint32_t>(std::popcount(access.lanes));
  if (access.window == Window::shared) {
    counters.shared_wavefronts += pattern.cost;
    counters.shared_conflicts += pattern.cost - pattern.fewest;
    (access.kind == Access::Kind::load ? counters.shared_load_bytes : counters.shared_store_bytes) += bytes;
  } else if (access.kind == Access::Kind::load) {
    counters.global_load_bytes += bytes;
    counters.global_load_sectors += pattern.cost;
    counters.global_load_requests += 1;
  } else if (access.kind == Access::Kind::store) {
    counters.global_store_bytes += bytes;
    counters.global_store_sectors += pattern.cost;
    counters.global_store_requests += 1;
  } else {
    counters.atomic_sectors += pattern.cost;
  }
}

void count_access(Warp& warp, const Access& access) {
  if (access.window == Window::local) {
    warp.counters().local_bytes +=
        std::uint64_t{access.bytes} * static_cast<std::uint32_t>(std::popcount(access.lanes));
  } else if (access.window == Window::global || access.window == Window::shared) {
    count_pattern(warp, access, pattern_of(warp, access));
  }
}

}  // namespace softgpu
