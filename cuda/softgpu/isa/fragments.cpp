// Holds the fragments of an mma against the matrices the host has declared.
//
// In D = A B + C every product pairs a row i with a column j through one k. Which of the declared matrices'
// elements stand in which lane is the kernel's business, if only they belong together: row r of the fragment
// A comes from one row i, column n of B from one column j, and A's elements at position k have the same k as
// B's; a register of D goes on with the (i, j) it began with. Any consistent permutation of k, rows or
// columns is right, and so are operands that have changed places (B^T A^T). Elements of unknown origin
// (computed, zero-filled) are not judged.
#include <array>
#include <optional>
#include <string>

#include "../machine/block.h"
#include "matrix.h"

namespace softgpu {

namespace {

/// An element of A or B as the product sees it.
struct Factor {
  bool known = false;
  std::uint32_t matrix = 0;
  std::uint64_t outer = 0;  ///< the index that D keeps: i of A, j of B
  std::uint64_t inner = 0;  ///< k
  std::uint32_t lane = 0, reg = 0;
};

constexpr std::uint32_t kMostOuter = 16, kMostInner = 32;
using Factors = std::array<std::array<Factor, kMostInner>, kMostOuter>;  ///< [row of A or column of B][k]

struct Side {
  char name;
  const Slot* slots;
  std::uint32_t registers;
  Layout layout;
  bool transposed;  ///< its elements are (k, outer)
  std::uint32_t extent;
};

class FragmentCheck {
 public:
  FragmentCheck(Warp& warp, const MatrixShape& shape, const FragmentSlots& slots)
      : warp_(warp),
        shape_(shape),
        slots_(slots),
        origins_(warp.block().origins()),
        sides_{{{'A', slots.a, shape.a_registers(), a_element, false, shape.m},
                {'B', slots.b, shape.b_registers(), b_element, true, shape.n}}} {}

  void run() {
    for (std::size_t side = 0; side < 2; ++side) gather(sides_[side], factors_[side]);
    bool right = true;
    for (std::size_t side = 0; side < 2; ++side) right = right && one_outer_index(side);
    right = right && same_inner_index();
    accumulate(right);
  }

 private:
  void gather(const Side& side, Factors& factors) {
    const std::uint32_t packed = shape_.packed;
    const std::uint32_t lane_bytes = shape_.element == ptx::Type::f64 ? 8 : 4, bytes = lane_bytes / packed;
    for (std::uint32_t r = 0; r < side.registers; ++r) {
      const Origin* from = warp_.origins(side.slots[r]);
      for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
        for (std::uint32_t h = 0; h < packed; ++h) {
          const auto element = origins_.element(from + lane_bytes * lane + bytes * h, bytes);
          if (!element) continue;
          const Element at = side.layout(shape_, lane, packed * r + h);
          const bool rows_outside = origins_.matrix(element->matrix).role == DeclaredMatrix::Role::a;
          factors[side.transposed ? at.column : at.row][side.transposed ? at.row : at.column] = {
              true,
              element->matrix,
              rows_outside ? element->row : element->column,
              rows_outside ? element->column : element->row,
              lane,
              r};
        }
      }
    }
  }

  std::string name(std::size_t side, std::uint32_t outer, std::uint32_t inner) const {
    const std::uint32_t row = side == 0 ? outer : inner, column = side == 0 ? inner : outer;
    const Factor& f = factors_[side][outer][inner];
    return std::string("register ") + std::to_string(f.reg) + " of " + sides_[side].name + " in lane " +
           std::to_string(f.lane) + ", element (" + std::to_string(row) + ", " + std::to_string(column) +
           ") of the fragment";
  }

  std::string origin(const Factor& f) const {
    const DeclaredMatrix& matrix = origins_.matrix(f.matrix);
    const bool rows_outside = matrix.role == DeclaredMatrix::Role::a;
    char base[32];
    std::snprintf(base, sizeof base, "0x%llx", static_cast<unsigned long long>(matrix.base));
    return "(" + std::to_string(rows_outside ? f.outer : f.inner) + ", " +
           std::to_string(rows_outside ? f.inner : f.outer) + ") of the matrix at " + base;
  }

  /// Row r of A comes from one row, column n of B from one column, of each matrix that is in it.
  bool one_outer_index(std::size_t side) {
    for (std::uint32_t o = 0; o < sides_[side].extent; ++o) {
      std::optional<std::uint32_t> first;
      for (std::uint32_t k = 0; k < shape_.k; ++k) {
        const Factor& f = factors_[side][o][k];
        if (!f.known) continue;
        if (!first) first = k;
        const Factor& g = factors_[side][o][*first];
        if (g.matrix != f.matrix || g.outer == f.outer) continue;
        const char* line = side == 0 ? "row" : "column";
        warp_.report(Check::fragment, f.lane,
                     name(side, o, k) + ", holds " + origin(f) + ", but element " + std::to_string(*first) +
                         " of the same " + line + " (register " + std::to_string(g.reg) + ", lane " +
                         std::to_string(g.lane) + ") holds " + origin(g) + ": one " + line +
                         " of a fragment must come from one " + line + ", " + std::to_string(g.outer) +
                         " or " + std::to_string(f.outer) +
                         "; compare the lanes with the instruction's layout");
        return false;
      }
    }
    return true;
  }

  /// What A holds at position k and what B holds there have one k.
  bool same_inner_index() {
    for (std::uint32_t k = 0; k < shape_.k; ++k) {
      std::array<std::optional<std::uint32_t>, 2> first;
      for (std::size_t side = 0; side < 2; ++side) {
        for (std::uint32_t o = 0; o < sides_[side].extent && !first[side]; ++o) {
          if (factors_[side][o][k].known) first[side] = o;
        }
      }
      if (!first[0] || !first[1]) continue;
      for (std::size_t side = 0; side < 2; ++side) {
        const Factor& partner = factors_[1 - side][*first[1 - side]][k];
        for (std::uint32_t o = 0; o < sides_[side].extent; ++o) {
          const Factor& f = factors_[side][o][k];
          if (!f.known || f.inner == partner.inner) continue;
          warp_.report(Check::fragment, f.lane,
                       name(side, o, k) + ", holds " + origin(f) + ", which is multiplied by " +
                           origin(partner) + " (" + name(1 - side, *first[1 - side], k) + "): k = " +
                           std::to_string(f.inner) + " meets k = " + std::to_string(partner.inner) +
                           "; compare the lanes with the instruction's layout");
          return false;
        }
      }
    }
    return true;
  }

  /// The first element of a fragment's row or column that is known.
  const Factor* any(std::size_t side, std::uint32_t o) const {
    for (std::uint32_t k = 0; k < shape_.k; ++k) {
      if (factors_[side][o][k].known) return &factors_[side][o][k];
    }
    return nullptr;
  }

  /// D goes on with the (i, j) of C.
  void accumulate(bool report) {
    std::array<const Factor*, kMostOuter> rows{}, columns{};
    for (std::uint32_t r = 0; r < shape_.m; ++r) rows[r] = any(0, r);
    for (std::uint32_t n = 0; n < shape_.n; ++n) columns[n] = any(1, n);
    const std::uint32_t packed = shape_.c_packed();
    const std::uint32_t lane_bytes = shape_.element == ptx::Type::f64 ? 8 : 4, bytes = lane_bytes / packed;
    for (std::uint32_t e = 0; e < shape_.c_registers() * packed; ++e) {
      const std::uint32_t r = e / packed, h = e % packed;
      for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
        const std::uint32_t at = lane_bytes * lane + bytes * h;
        Origin result = warp_.origins(slots_.c[r])[at];
        const AccumulatedElement* before = origins_.accumulated(result);
        if (before == nullptr) result = 0;
        const Element place = c_element(shape_, lane, e);
        const Factor *i = rows[place.row], *j = columns[place.column];
        if (i != nullptr && j != nullptr) {
          const AccumulatedElement now{i->matrix, j->matrix, i->outer, j->outer};
          if (before != nullptr && report && before->a == now.a && before->b == now.b && *before != now) {
            warp_.report(Check::fragment, lane,
                         "register " + std::to_string(r) + " of D in lane " + std::to_string(lane) +
                             ", element (" + std::to_string(place.row) + ", " + std::to_string(place.column) +
                             ") of the fragment, has accumulated (i, j) = (" + std::to_string(before->i) +
                             ", " + std::to_string(before->j) + ") of the product and is now given (" +
                             std::to_string(now.i) + ", " + std::to_string(now.j) +
                             "); a register must keep to one element");
            report = false;
          }
          if (before == nullptr || *before != now) result = origins_.accumulator(now);
        }
        std::fill_n(warp_.origins(slots_.d[r]) + at, bytes, result);
      }
    }
  }

  Warp& warp_;
  const MatrixShape& shape_;
  const FragmentSlots& slots_;
  Origins& origins_;
  std::array<Side, 2> sides_;
  std::array<Factors, 2> factors_{};
};

}  // namespace

void check_declared_fragments(Warp& warp, const MatrixShape& shape, const FragmentSlots& slots) {
  FragmentCheck(warp, shape, slots).run();
}

}  // namespace softgpu
