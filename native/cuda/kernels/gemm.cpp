// Host side of the gemm kernels: see cuda/kernels/gemm/.
#include "ops/gemm.h"

#include <algorithm>

#include "cuda/kernels/column_sum.h"
#include "cuda/kernels/tile_choice.h"
#include "kernels/gemm/column_sum.h"
#include "kernels/gemm/gemm.h"

namespace lapidary::cuda {
namespace {

void gemm_tiles(const GemmProblem& p, const Gemm<float>& args, LaunchContext& context) {
  const TiledProduct product = tiled_product(p.m, p.n);
  GemmParameters parameters{args.a, args.b, args.bias, args.y,
                            p.m,    p.n,    p.k,       static_cast<uint32_t>(product.column_tiles)};
  parameters.wide_a = (p.transpose_a ? p.m : p.k) % 4 == 0;
  parameters.wide_b = (p.transpose_b ? p.k : p.n) % 4 == 0;
  parameters.wide_y = p.n % 4 == 0;
  parameters.relu = p.relu;
  const std::string function =
      format("gemm_%c%c_%s", p.transpose_a ? 't' : 'n', p.transpose_b ? 't' : 'n', product.name);
  context.launch({"gemm", function}, {product.tiles()}, {product.shape.threads()}, parameters);
}

double gemm_traffic(const GemmProblem& p) {
  const TiledProduct product = tiled_product(p.m, p.n);
  const double m = static_cast<double>(p.m), n = static_cast<double>(p.n), k = static_cast<double>(p.k);
  const double row_tiles = static_cast<double>(product.row_tiles),
               column_tiles = static_cast<double>(product.column_tiles);
  const double bias = p.bias ? row_tiles * n * product.shape.down() : 0;
  return 4 * (column_tiles * m * k + row_tiles * n * k + m * n + bias);
}

/// How a block's threads lie over a matrix, and the chunks of rows.
struct ColumnSumPlan {
  bool wide;
  int32_t across;
  int64_t column_blocks, chunk_rows, chunks;

  ColumnSumPlan(int64_t rows, int64_t columns) : wide(columns % 4 == 0) {
    const int64_t groups = wide ? columns / 4 : columns;
    for (across = 1; across < 32 && across < groups;) across *= 2;
    column_blocks = ceil_div(groups, across);
    // 32 rows a thread; more where there would be over 1,024 partial sums.
    const int64_t down = kColumnSumThreads / across;
    chunk_rows = std::max(32 * down, ceil_div(rows, 1024));
    chunks = ceil_div(rows, chunk_rows);
  }
};

void column_sum_levels(const ColumnSumProblem& p, const ColumnSum<float>& args, LaunchContext& context) {
  sum_columns(args.x, args.y, p.rows, p.columns, context.workspace, context);
}

size_t column_sum_bytes(const ColumnSumProblem& p) { return column_sum_workspace(p.rows, p.columns); }
double column_sum_moves(const ColumnSumProblem& p) { return column_sum_traffic(p.rows, p.columns); }

}  // namespace

size_t column_sum_workspace(int64_t rows, int64_t columns) {
  const ColumnSumPlan plan(rows, columns);
  return plan.chunks == 1 ? 0 : static_cast<size_t>(plan.chunks * columns) * sizeof(float);
}

double column_sum_traffic(int64_t rows, int64_t columns) {
  const ColumnSumPlan plan(rows, columns);
  const int64_t partial = plan.chunks == 1 ? 0 : 2 * plan.chunks;
  return 4.0 * static_cast<double>(columns) * static_cast<double>(rows + partial + 1);
}

void sum_columns(const float* x, float* y, int64_t rows, int64_t columns, void* workspace,
                 LaunchContext& context) {
  const ColumnSumPlan plan(rows, columns);
  ColumnSumParameters p{x, y, rows, columns, plan.chunk_rows, plan.column_blocks, plan.across, plan.wide};
  if (plan.chunks > 1) {
    p.y = static_cast<float*>(workspace);
    context.launch({"column_sum", "column_sum"}, {plan.column_blocks * plan.chunks}, {kColumnSumThreads}, p);
    p.x = p.y, p.y = y, p.rows = p.chunk_rows = plan.chunks;
  }
  context.launch({"column_sum", "column_sum"}, {plan.column_blocks}, {kColumnSumThreads}, p);
}

ImplementationList gemm() {
  return {with_traffic<GemmProblem, &gemm_traffic>(implementation<Gemm<float>, &gemm_tiles>("simt_tiles"))};
}
ImplementationList column_sum() {
  return {with_traffic<ColumnSumProblem, &column_sum_moves>(
      implementation<ColumnSum<float>, &column_sum_levels, nullptr, &column_sum_bytes>("two_levels"))};
}

}  // namespace lapidary::cuda
