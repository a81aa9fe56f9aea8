// Which instructions have stored values nobody computed to device memory, and where: a finding at the copy to
// the host can then name the line.
#pragma once

#include <algorithm>
#include <mutex>
#include <optional>
#include <vector>

#include "../check/finding.h"
#include "windows.h"

namespace softgpu {

class UndefinedStores {
 public:
  /// An instruction has stored undefined bytes somewhere in [low, high).
  void add(const Place& place, DeviceAddress low, DeviceAddress high) {
    const std::lock_guard lock(mutex_);
    for (Entry& entry : entries_) {
      if (entry.place.kernel != place.kernel || entry.place.ptx_line != place.ptx_line) continue;
      entry.low = std::min(entry.low, low);
      entry.high = std::max(entry.high, high);
      return;
    }
    if (entries_.size() < 1024) entries_.push_back({place, low, high});
  }
  /// The last instruction whose range holds an address.
  std::optional<Place> find(DeviceAddress address) const {
    const std::lock_guard lock(mutex_);
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (entry->low <= address && address < entry->high) return entry->place;
    }
    return std::nullopt;
  }

 private:
  struct Entry {
    Place place;
    DeviceAddress low, high;
  };
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace softgpu
