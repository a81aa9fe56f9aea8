// The peaks of a machine as kernels: multiply-adds that never wait, and memory that is only streamed. No op
// uses them; `lapidary bench` measures its ceilings with them.
#pragma once

#include "backend.h"

namespace lapidary {

struct FmaChainsProblem {
  int64_t count = 1, steps = 1;
  double flops() const noexcept { return 2.0 * static_cast<double>(count) * static_cast<double>(steps); }
  void check() const {
    check_extents({count, steps});
    check_range("steps", steps, 1, 1 << 20);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("count", self.count), visit("steps", self.steps);
  }
};

/// y[i] = x[i] after so many steps of  x <- x * factor + addend.
template <class T>
struct FmaChains {
  using Problem = FmaChainsProblem;
  const T* x;
  const T* factor;
  const T* addend;
  T* y;
  static Operands operands(const Problem& p) {
    return {in("x", p.count), in("factor", 1), in("addend", 1), out("y", p.count)};
  }
};

struct StreamProblem {
  int64_t count = 1;
  /// The sums of stream_read: one for each piece of x, so that pieces can be read in parallel.
  static constexpr int64_t kPieces = 256;
  int64_t piece() const noexcept { return (count + kPieces - 1) / kPieces; }
  void check() const { check_extents({count}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("count", self.count);
  }
};

/// y[j] = the sum of the j-th of 256 pieces of x; 0 for pieces beyond its end.
template <class T>
struct StreamRead {
  using Problem = StreamProblem;
  const T* x;
  T* y;
  static Operands operands(const Problem& p) { return {in("x", p.count), out("y", p.kPieces)}; }
};

/// y = a + factor * b: the triad of the STREAM benchmark (McCalpin 1995).
template <class T>
struct StreamTriad {
  using Problem = StreamProblem;
  const T* a;
  const T* b;
  const T* factor;
  T* y;
  static Operands operands(const Problem& p) {
    return {in("a", p.count), in("b", p.count), in("factor", 1), out("y", p.count)};
  }
};

}  // namespace lapidary
