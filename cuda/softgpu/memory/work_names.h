// Names of the pieces of work whose numbers stand in race records: "kernel saxpy (work 17)".
#pragma once

#include <array>
#include <mutex>
#include <string>

#include "race_record.h"

namespace softgpu {

class WorkNames {
 public:
  void set(std::uint32_t node, std::string name) {
    std::lock_guard lock(mutex_);
    names_[node % kNodes] = std::move(name);
  }
  std::string of(std::uint32_t node) const {
    std::lock_guard lock(mutex_);
    return names_[node % kNodes];
  }

 private:
  mutable std::mutex mutex_;
  std::array<std::string, kNodes> names_;
};

}  // namespace softgpu
