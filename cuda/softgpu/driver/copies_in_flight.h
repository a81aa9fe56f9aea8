// Asynchronous copies between the device and page-locked memory that the host may not count on yet.
//
// A copy to the host lands, by seed, at once or at the last moment hardware would be allowed: when the host
// synchronises with it, or when later work of its streams needs the bytes. A copy from the host is read at
// once, but its source is looked at again at that moment: whoever changed it meanwhile has a race that
// hardware may lose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "objects.h"
#include "operation.h"
#include "work_order.h"

namespace softgpu {

class Driver;

class CopiesInFlight {
 public:
  /// `copy` has read its bytes into `landing` (packed rows), which are to be stored in its host side later.
  void land_later(const CopyOperation& copy, const Work& work, std::shared_ptr<Context> context,
                  std::vector<std::byte> landing);
  /// `copy` has read its host side, which must stay as it is until the host is told.
  void watch_source(const CopyOperation& copy, const Work& work, std::shared_ptr<Context> context);

  /// Finishes what is over for `past`.
  void settle(Driver& driver, const Past& past);
  /// Of those, only what touches the host memory of `side` (a copy's, about to run).
  void settle_overlap(Driver& driver, const Past& past, const CopySide& side, const CopyOperation& shape);
  /// Finishes everything that touches [base, base + bytes): the memory goes away.
  void settle_range(Driver& driver, const void* base, std::uint64_t bytes);
  void settle_all(Driver& driver);

 private:
  struct InFlight {
    CopyOperation copy;
    std::uint32_t node;
    std::string name;
    std::shared_ptr<Context> context;
    std::vector<std::byte> landing;
    bool lands = false;
    std::uint64_t fingerprint = 0;
  };
  template <class Predicate>
  void settle_if(Driver& driver, Predicate predicate);
  static void finish(Driver& driver, const InFlight& flight);

  std::vector<InFlight> flights_;  ///< in issue order
};

/// Calls f(offset in packed bytes, offset in the side) for each row of a copy.
template <class F>
void for_each_row(const CopyOperation& copy, const CopySide& side, F f) {
  std::uint64_t packed = 0;
  for (std::uint64_t z = 0; z < copy.depth; ++z) {
    for (std::uint64_t y = 0; y < copy.height; ++y, packed += copy.width) f(packed, side.offset(y, z));
  }
}

/// Bytes from a side's first to the end of its last row.
inline std::uint64_t extent(const CopyOperation& copy, const CopySide& side) {
  return copy.bytes() == 0 ? 0 : side.offset(copy.height - 1, copy.depth - 1) + copy.width;
}

}  // namespace softgpu
