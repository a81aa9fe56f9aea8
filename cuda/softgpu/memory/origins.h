// Where values came from: which element of a matrix that the host has declared, a number for every byte of
// registers and of shared memory. What the check of mma fragments goes by (isa/fragments.cpp).
//
// Kept only while a launch runs for which matrices are declared. Loads of a declared matrix start it; loads
// and stores of shared memory, cp.async, ldmatrix, mov (with packing), selp, prmt and conversions between
// floats carry it on; everything else drops it, so that a value of unknown origin is one nothing is claimed
// of.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "declared_matrix.h"

namespace softgpu {

class Warp;
struct Op;

/// 0: unknown; else an element of a declared matrix (1, 2, ... over all of them), or, with the top bit, an
/// accumulator.
using Origin = std::uint32_t;
inline constexpr Origin kAccumulator = 0x80000000u;

/// An element of a declared matrix.
struct MatrixElement {
  std::uint32_t matrix;  ///< its index among the declared ones
  std::uint64_t row, column;
};

/// The element of a product that a register accumulates: row i of `a`, column j of `b`.
struct AccumulatedElement {
  std::uint32_t a, b;  ///< indices of matrices
  std::uint64_t i, j;
  friend bool operator==(const AccumulatedElement&, const AccumulatedElement&) = default;
  friend bool operator<(const AccumulatedElement& x, const AccumulatedElement& y) {
    return std::tie(x.a, x.b, x.i, x.j) < std::tie(y.a, y.b, y.i, y.j);
  }
};

/// Of one block.
class Origins {
 public:
  /// Matrices beyond the first 2^31 elements are not followed.
  Origins(const std::vector<DeclaredMatrix>& matrices, std::uint64_t shared_bytes);
  /// A block starts: nothing is known of its shared memory.
  void clear();

  /// Origins of `bytes` bytes from an address (in the shared window an offset, else a device address) on.
  void read(Window window, std::uint64_t address, std::uint32_t bytes, Origin* to) const;
  /// Shared memory gets these; of other windows nothing is kept.
  void write(Window window, std::uint64_t address, std::uint32_t bytes, const Origin* from);
  /// The same, unknown.
  void forget(Window window, std::uint64_t address, std::uint32_t bytes);

  /// The element that all of `bytes` bytes came from.
  std::optional<MatrixElement> element(const Origin* from, std::uint32_t bytes) const;
  const DeclaredMatrix& matrix(std::uint32_t index) const { return matrices_[index].declared; }

  Origin accumulator(const AccumulatedElement& element);
  /// nullptr if it is none.
  const AccumulatedElement* accumulated(Origin origin) const;

 private:
  struct Numbered {
    DeclaredMatrix declared;
    Origin first;  ///< of its element (0, 0)
  };
  Origin at(DeviceAddress address) const;

  std::vector<Numbered> matrices_;
  std::vector<Origin> shared_;
  std::vector<AccumulatedElement> accumulated_;
  std::map<AccumulatedElement, Origin> numbers_;
};

/// Op::trace of instructions whose handlers see to origins themselves.
inline void origins_kept(Warp&, const Op&) {}

}  // namespace softgpu
