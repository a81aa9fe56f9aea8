// gemm and column_sum, reference: plain loops over the scalar T, sums in double, one rounding.
// FLOPs: gemm 2 M N K, column_sum rows * columns. Bench: npm run bench:kernel -- --kernel gemm
// --implementation ref
// --problem "..."
#pragma once

#include "cpu/kernels/kernel.h"
#include "ops/gemm.h"

namespace lapidary::cpu::LAPIDARY_ISA {

template <class T>
void gemm_ref(const GemmProblem& p, const Gemm<T>& g, KernelContext& context) {
  constexpr int64_t kColumns = 8;  // sums side by side, so that a chain of additions does not set the pace
  const int64_t a_row = p.transpose_a ? 1 : p.k, a_step = p.transpose_a ? p.m : 1;
  const int64_t b_column = p.transpose_b ? p.k : 1, b_step = p.transpose_b ? 1 : p.n;
  for_ranges(context, p.m, 1, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t m = begin; m < end; ++m)
      for (int64_t n0 = 0; n0 < p.n; n0 += kColumns) {
        const int64_t columns = std::min(kColumns, p.n - n0);
        double sum[kColumns] = {};
        for (int64_t k = 0; k < p.k; ++k) {
          const double a = static_cast<double>(g.a[m * a_row + k * a_step]);
          for (int64_t j = 0; j < columns; ++j)
            sum[j] += a * static_cast<double>(g.b[(n0 + j) * b_column + k * b_step]);
        }
        for (int64_t j = 0; j < columns; ++j) {
          const double y = p.bias ? sum[j] + static_cast<double>(g.bias[n0 + j]) : sum[j];
          g.y[m * p.n + n0 + j] = static_cast<T>(p.relu && y < 0 ? 0.0 : y);
        }
      }
  });
}

template <class T>
void column_sum_ref(const ColumnSumProblem& p, const ColumnSum<T>& a, KernelContext& context) {
  for_ranges(context, p.columns, 8, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t c = begin; c < end; ++c) {
      double sum = 0;
      for (int64_t row = 0; row < p.rows; ++row) sum += static_cast<double>(a.x[row * p.columns + c]);
      a.y[c] = static_cast<T>(sum);
    }
  });
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
