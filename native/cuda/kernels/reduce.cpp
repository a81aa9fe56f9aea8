// Host side of the reduce kernels: see cuda/kernels/reduce/.
#include "cuda/kernels/reduce.h"

#include <bit>
#include <optional>

#include "kernels/reduce/reduce.h"
#include "ops/reduce.h"

namespace lapidary::cuda {
namespace {

bool is_sum(Reduction kind) { return kind == Reduction::Sum || kind == Reduction::Mean; }

// One launch: how [outer, extent, inner] is reduced to [outer, chunks, inner].
struct Pass {
  enum class Mapping { Rows, Outputs, Columns } mapping;
  int64_t outer, extent, inner;
  uint32_t spread = 1;
  std::optional<ColumnTiles> tiles{};  // of Columns

  int64_t chunks() const { return tiles ? tiles->chunks : 1; }
  int64_t results() const { return outer * chunks() * inner; }
  /// Of Rows: elements of a load, and lanes of a row.
  int64_t width() const { return extent % 4 == 0 ? 4 : 1; }
  int64_t lanes() const {
    return static_cast<int64_t>(std::bit_ceil(std::min<uint64_t>(extent / width(), 32)));
  }
  /// Threads that have values, each output of a thread counted: as often what there is by output is loaded.
  int64_t loads_by_output() const {
    switch (mapping) {
      case Mapping::Rows:
        return outer * std::min(lanes(), extent / width());
      case Mapping::Outputs:
        return outer * inner;
      case Mapping::Columns:
        return outer * tiles->threads_by_channel() * (spread > 1 ? 1 : inner);
    }
    return 0;
  }
};

constexpr int64_t kMostChunks = 512;

// `whole`: the extent is short enough to be left in one piece.
Pass pass(int64_t outer, int64_t extent, int64_t inner, bool whole) {
  using enum Pass::Mapping;
  if (inner == 1 && extent <= ReduceRowsParameters::kMostExtent) return {Rows, outer, extent, inner};
  if (inner > 1 && extent * inner < 256) return {Outputs, outer, extent, inner};
  // Rows of whole vectors: four columns, whose results the last pass takes as one.
  const bool vectors = inner == 1 && extent % 4 == 0;
  if (vectors) extent /= 4, inner = 4;
  const TileWishes wishes{.rows_by_thread = 16, .most_blocks = whole ? 1 : kMostChunks};
  return {Columns, outer, extent, inner, vectors ? 4u : 1u, ColumnTiles(extent, inner, wishes)};
}

// The passes of a reduction: one or two, the same for every `outer`.
struct Passes {
  Pass first;
  std::optional<Pass> last{};

  Passes(int64_t outer, int64_t extent, int64_t inner) : first(pass(outer, extent, inner, false)) {
    const int64_t left = first.chunks() * first.inner / inner;
    if (left > 1) last = pass(outer, left, inner, true);
  }
  // Values, and positions of extremes, between the passes.
  size_t workspace(bool sum) const {
    return last ? static_cast<size_t>(first.results()) * (sum ? 1 : 2) * sizeof(float) : 0;
  }
  double traffic(int64_t outer, int64_t extent, int64_t inner, bool sum) const {
    const int64_t between = last ? first.results() * (sum ? 2 : 4) : 0;
    return static_cast<double>(outer * inner * (extent + 1) + between) * sizeof(float);
  }
};

void launch(LaunchContext& context, const Pass& pass, const ReduceOperands& operands, bool sum) {
  const bool vectors = (pass.tiles ? pass.tiles->width : pass.width()) == 4;
  switch (pass.mapping) {
    case Pass::Mapping::Rows: {
      const Kernel kernel = sum ? Kernel{"reduce_sum", vectors ? "sum_rows_4" : "sum_rows_1"}
                                : Kernel{"reduce_extreme", vectors ? "extreme_rows_4" : "extreme_rows_1"};
      constexpr int64_t kThreads = ReduceRowsParameters::kThreads;
      context.launch(
          kernel, {ceil_div(pass.outer, kThreads / pass.lanes())}, {kThreads},
          ReduceRowsParameters{operands, pass.outer, pass.extent, static_cast<unsigned>(pass.lanes())});
      break;
    }
    case Pass::Mapping::Outputs: {
      const Kernel kernel =
          sum ? Kernel{"reduce_sum", "sum_outputs"} : Kernel{"reduce_extreme", "extreme_outputs"};
      constexpr int64_t kThreads = ReduceOutputsParameters::kThreads;
      const int64_t outputs = pass.outer * pass.inner;
      context.launch(kernel, {ceil_div(outputs, kThreads)}, {kThreads},
                     ReduceOutputsParameters{operands, outputs, pass.extent, pass.inner});
      break;
    }
    case Pass::Mapping::Columns: {
      const Kernel kernel =
          sum ? Kernel{"reduce_sum", vectors ? "sum_columns_4" : "sum_columns_1"}
              : Kernel{"reduce_extreme", vectors ? "extreme_columns_4" : "extreme_columns_1"};
      context.launch(kernel, {pass.outer * pass.tiles->blocks()}, {ColumnTiles::kThreads},
                     ReduceColumnsParameters{operands, *pass.tiles});
      break;
    }
  }
}

// `whole` are the operands of a reduction in one pass.
void launch(LaunchContext& context, const Passes& passes, const ReduceOperands& whole, void* workspace,
            bool sum) {
  ReduceOperands first = whole;
  first.spread = passes.first.spread;
  if (!passes.last) return launch(context, passes.first, first, sum);
  auto* values = static_cast<float*>(workspace);
  auto* positions = sum ? nullptr : reinterpret_cast<uint32_t*>(values + passes.first.results());
  first.divided = nullptr, first.scale = 1;
  first.y = values, first.y_positions = positions, first.index = nullptr;
  launch(context, passes.first, first, sum);
  ReduceOperands last = whole;
  last.x = values, last.positions = positions, last.tied_to = nullptr;
  last.spread = passes.last->spread;
  launch(context, *passes.last, last, sum);
}

Passes passes(const ReduceProblem& p) { return {p.outer, p.extent, p.inner}; }

size_t forward_workspace(const ReduceProblem& p) { return passes(p).workspace(is_sum(p.kind)); }
double forward_traffic(const ReduceProblem& p) {
  return passes(p).traffic(p.outer, p.extent, p.inner, is_sum(p.kind));
}

void forward(const ReduceProblem& p, const ReduceForward<float>& a, LaunchContext& context) {
  ReduceOperands operands{};
  operands.x = a.x, operands.y = a.y, operands.index = a.index, operands.spread = 1;
  operands.scale = p.kind == Reduction::Mean ? static_cast<float>(1 / static_cast<double>(p.extent)) : 1.0f;
  operands.least = p.kind == Reduction::Min;
  launch(context, passes(p), operands, context.workspace, is_sum(p.kind));
}

// What the sums need, then the shares of the ties.
size_t backward_workspace(const ReduceProblem& p) {
  return passes(p).workspace(true) + static_cast<size_t>(p.outer * p.inner) * sizeof(float);
}
double backward_traffic(const ReduceProblem& p) {
  const Passes counting = passes(p);
  const int64_t outputs = p.outer * p.inner, handed_out = 4 * outputs * p.extent;
  const int64_t floats = counting.first.loads_by_output() + outputs + handed_out;
  return counting.traffic(p.outer, p.extent, p.inner, true) + static_cast<double>(floats) * sizeof(float);
}

void backward(const ReduceProblem& p, const ReduceExtremeBackward<float>& a, LaunchContext& context) {
  const Passes counting = passes(p);
  auto* share = static_cast<float*>(context.workspace) + counting.workspace(true) / sizeof(float);
  ReduceOperands operands{};
  operands.x = a.x, operands.tied_to = a.y, operands.divided = a.dy, operands.y = share;
  operands.spread = 1, operands.scale = 1;
  launch(context, counting, operands, context.workspace, true);
  const int64_t count = p.outer * p.extent * p.inner;
  constexpr int64_t kThreads = ExtremeBackwardParameters::kThreads;
  context.launch({"extreme_backward", "hand_out"}, {ceil_div(count, kThreads)}, {kThreads},
                 ExtremeBackwardParameters{a.x, a.y, share, a.dx, count, p.extent, p.inner});
}

}  // namespace

void launch_vector_sum(LaunchContext& context, const float* x, int64_t count, float scale, float* y,
                       void* workspace) {
  ReduceOperands operands{};
  operands.x = x, operands.y = y, operands.scale = scale, operands.spread = 1;
  launch(context, Passes(1, count, 1), operands, workspace, true);
}
size_t vector_sum_workspace(int64_t count) { return Passes(1, count, 1).workspace(true); }
double vector_sum_traffic(int64_t count) { return Passes(1, count, 1).traffic(1, count, 1, true); }

ImplementationList reduce_forward() {
  return {with_traffic<ReduceProblem, &forward_traffic>(
      implementation<ReduceForward<float>, &forward, nullptr, &forward_workspace>("passes"))};
}
ImplementationList reduce_extreme_backward() {
  return {with_traffic<ReduceProblem, &backward_traffic>(
      implementation<ReduceExtremeBackward<float>, &backward, nullptr, &backward_workspace>(
          "count_and_hand_out"))};
}

}  // namespace lapidary::cuda
