// Matrices a host has declared, so that the fragments of an mma can be held against what they should hold.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "windows.h"

namespace softgpu {

/// A matrix in device memory, element (row, column) at base + (row * leading + column) * element_bytes.
struct DeclaredMatrix {
  enum class Role : std::uint8_t {
    a,  ///< element (i, k) of an mma's A
    b,  ///< element (k, j) of its B
  };
  DeviceAddress base = 0;
  std::uint64_t rows = 0, columns = 0;
  std::uint64_t leading = 0;  ///< elements between two rows, at least `columns`
  std::uint32_t element_bytes = 0;
  Role role = Role::a;

  std::uint64_t bytes() const { return rows == 0 ? 0 : ((rows - 1) * leading + columns) * element_bytes; }
};

/// The declarations of a device. Read by all worker threads.
class DeclaredMatrices {
 public:
  /// Replaces a declaration of the same base.
  void declare(const DeclaredMatrix& matrix) {
    std::lock_guard lock(mutex_);
    std::erase_if(matrices_, [&](const DeclaredMatrix& known) { return known.base == matrix.base; });
    matrices_.push_back(matrix);
  }
  /// Forgets those that start in [base, base + bytes): their memory is freed.
  void forget(DeviceAddress base, std::uint64_t bytes) {
    std::lock_guard lock(mutex_);
    std::erase_if(matrices_, [&](const DeclaredMatrix& known) { return known.base - base < bytes; });
  }
  std::vector<DeclaredMatrix> all() const {
    std::lock_guard lock(mutex_);
    return matrices_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<DeclaredMatrix> matrices_;
};

}  // namespace softgpu
