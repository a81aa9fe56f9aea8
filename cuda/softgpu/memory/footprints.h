// What range of global memory each instruction of a launch has touched, so that a race can name its other
// party: a record of device memory has no room for the instruction that left it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "access.h"

namespace softgpu {

class Footprints {
 public:
  /// For the instructions of the entry function; those of called functions are not followed.
  void resize(std::uint32_t instructions) {
    ranges_ = std::make_unique<Range[]>(instructions);
    count_ = instructions;
  }
  void touch(std::uint32_t code_place, const Access& access) {
    if (code_place >= count_) return;
    Range& range = ranges_[code_place];
    std::uint64_t low = ~std::uint64_t{0}, high = 0;
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((access.lanes >> i & 1) == 0) continue;
      low = access.address[i] < low ? access.address[i] : low;
      high = access.address[i] > high ? access.address[i] : high;
    }
    if (access.read_only) {
      range.read_only.store(true, std::memory_order_relaxed);
      any_read_only_.store(true, std::memory_order_relaxed);
    }
    range.writes.store(access.kind != Access::Kind::load, std::memory_order_relaxed);
    if (low < range.low.load(std::memory_order_relaxed)) range.low.store(low, std::memory_order_relaxed);
    if (high + access.bytes > range.high.load(std::memory_order_relaxed)) {
      range.high.store(high + access.bytes, std::memory_order_relaxed);
    }
  }
  /// The first instruction in text order that has touched an address in that way; an empty place if none is
  /// known.
  Place place(const Warp& warp, std::uint64_t address, bool writes) const {
    for (std::uint32_t i = 0; i < count_; ++i) {
      const Range& range = ranges_[i];
      if (range.low <= address && address < range.high && range.writes == writes)
        return warp.place_of_code(i);
    }
    return {};
  }

  /// Whether an ld.global.nc has touched the range an address lies in. Asked for words that this launch has
  /// read.
  bool read_only_at(std::uint64_t address) const {
    if (!any_read_only_.load(std::memory_order_relaxed)) return false;
    for (std::uint32_t i = 0; i < count_; ++i) {
      const Range& range = ranges_[i];
      if (range.read_only && range.low <= address && address < range.high) return true;
    }
    return false;
  }

 private:
  struct Range {
    std::atomic<std::uint64_t> low{~std::uint64_t{0}}, high{0};
    std::atomic<bool> writes{false}, read_only{false};
  };
  std::unique_ptr<Range[]> ranges_;
  std::uint32_t count_ = 0;
  std::atomic<bool> any_read_only_{false};
};

}  // namespace softgpu
