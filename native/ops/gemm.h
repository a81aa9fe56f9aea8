// y[M, N] = op(a) op(b) + bias[N], with op the identity or the transpose; row-major, dense.
// The order of the sum over K is the same for every M, so a sample's result does not depend on its batch.
#pragma once

#include "backend.h"

namespace lapidary {

struct GemmProblem {
  int64_t m = 1, n = 1, k = 1;
  bool transpose_a = false, transpose_b = false;  ///< a is stored [K, M], b is stored [N, K]
  bool bias = false, relu = false;

  Dims filter_extents() const { return {n, k}; }
  double flops() const noexcept {
    return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
  void check() const {
    check_extents({m, k});
    check_extents({k, n});
    check_extents({m, n});
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("M", self.m), visit("N", self.n), visit("K", self.k), visit("transpose_a", self.transpose_a);
    visit("transpose_b", self.transpose_b), visit("bias", self.bias), visit("relu", self.relu);
  }
};

template <class T>
struct Gemm {
  using Problem = GemmProblem;
  const T* a;
  const T* b;
  const T* bias;
  T* y;
  static Operands operands(const Problem& p) {
    return {in("a", p.m * p.k), in("b", p.k * p.n), in("bias", p.bias ? p.n : 0), out("y", p.m * p.n)};
  }
};

struct ColumnSumProblem {
  int64_t rows = 1, columns = 1;
  void check() const { check_extents({rows, columns}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("columns", self.columns);
  }
};

/// y[c] = sum over rows of x[row, c]: bias gradients.
template <class T>
struct ColumnSum {
  using Problem = ColumnSumProblem;
  const T* x;
  T* y;
  static Operands operands(const Problem& p) { return {in("x", p.rows * p.columns), out("y", p.columns)}; }
};

}  // namespace lapidary
