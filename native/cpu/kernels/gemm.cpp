// gemm: y[M,N] = op(a) op(b) + bias, ReLU; row-major, dense. column_sum: y[c] = sum over rows of x[row,c].
//
// "register_tile": panels of b (packed in scratch, or once for all calls when b is a linear layer's weight)
// against rows of a with the tile of convolution. A sum over K is one chain of multiply-adds whatever M is.
// With a transposed (weight gradients) it is the outer-product tile of wgrad instead; a long K is cut into a
// number of partial sums that the problem fixes, added in order. "register_tile_packed": the same for op(b) =
// b^T with bias, b packed by the engine ("gemm_panels": [panel of N][k][lanes]). FLOPs: 2 M N K. Bytes: a, b
// and y once each. column_sum: bytes of x. Bench: npm run bench:kernel -- --kernel gemm --problem "M=128
// N=512 K=512 transpose_b=1 bias=1"
#include "cpu/kernels/gemm_ref.h"
#include "cpu/kernels/register_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

constexpr int64_t kItems = 16;
constexpr int64_t kItemMacs = 1 << 17;  // less is not worth waking another worker

void pack_panel(const GemmProblem& p, const float* b, int64_t panel, int64_t k0, int64_t count, float* to) {
  const int64_t column = panel * kPanel, width = panel_width(p.n, panel);
  if (p.transpose_b)
    pack_transposed(b + column * p.k + k0, p.k, p.n - column, count, width, to);
  else
    pack_plain(b + k0 * p.n + column, p.n, p.n - column, count, width, to);
}

/// Items: `rows` rows by `panels` panels. A function of the problem only.
struct GemmPlan {
  int64_t rows, row_parts, panels, panel_parts;
};
GemmPlan gemm_plan(const GemmProblem& p, bool packed) {
  const int64_t items = std::clamp<int64_t>(p.m * p.n * p.k / kItemMacs, 1, kItems),
                panels = panel_count(p.n);
  GemmPlan plan;
  // Panels first: every row part of a panel packs it anew. Rows also stop at what L2 holds.
  plan.panels = ceil_div(panels, std::min(items, panels));
  plan.panel_parts = ceil_div(panels, plan.panels);
  const int64_t most = std::max<int64_t>(packed ? 64 : 256, 64 * 1024 / p.k);
  const int64_t split = round_up(ceil_div(p.m, ceil_div(items, plan.panel_parts)), kTileRows);
  plan.rows = std::clamp<int64_t>(split, 1, round_up(most, kTileRows));
  plan.row_parts = ceil_div(p.m, plan.rows);
  return plan;
}

template <bool Packed>
void rows_times_panels(const GemmProblem& p, const Gemm<float>& g, KernelContext& context) {
  const GemmPlan plan = gemm_plan(p, Packed);
  const size_t scratch_bytes = static_cast<size_t>(p.k * kPanel) * sizeof(float);
  context.parallel(plan.row_parts * plan.panel_parts, [&](int64_t item, int worker) {
    const int64_t row = item / plan.panel_parts * plan.rows, first = item % plan.panel_parts * plan.panels;
    const int64_t last = std::min(panel_count(p.n), first + plan.panels);
    RowGrid grid;
    grid.cols = std::min(plan.rows, p.m - row), grid.x_col = p.k, grid.y_col = p.n;
    const Tap tap{0, 0};
    TileSum sum{&tap, 1, p.k, nullptr};
    TileEpilogue epilogue;
    epilogue.bias = p.bias ? g.bias : nullptr;
    epilogue.relu = p.relu;
    for (int64_t panel = first; panel < last; ++panel) {
      if constexpr (Packed) {
        sum.panel = static_cast<const float*>(context.packed) + panel * kPanel * p.k;
      } else {
        float* scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
        pack_panel(p, g.b, panel, 0, p.k, scratch);
        sum.panel = scratch;
      }
      sweep_panel(grid, g.a + row * p.k, g.y + row * p.n, sum, p.n, panel, epilogue);
    }
  });
}

/// a transposed: items are panels by row blocks by parts of K.
struct OuterPlan {
  int64_t rows, row_parts, parts, k_per_part;
};
OuterPlan outer_plan(const GemmProblem& p) {
  const int64_t items = std::clamp<int64_t>(p.m * p.n * p.k / kItemMacs, 1, kItems),
                panels = panel_count(p.n);
  OuterPlan plan;
  const int64_t row_blocks = ceil_div(p.m, kOuterRows);
  plan.rows = ceil_div(row_blocks, std::clamp<int64_t>(ceil_div(items, panels), 1, row_blocks)) * kOuterRows;
  plan.row_parts = ceil_div(p.m, plan.rows);
  // Only a long K is cut: a part must be much more work than adding it up.
  plan.parts = std::clamp<int64_t>(std::min(ceil_div(items, panels * plan.row_parts), p.k / 256), 1, 8);
  plan.k_per_part = ceil_div(p.k, plan.parts);
  plan.parts = ceil_div(p.k, plan.k_per_part);
  return plan;
}

void outer(const GemmProblem& p, const Gemm<float>& g, KernelContext& context) {
  const OuterPlan plan = outer_plan(p);
  constexpr int64_t kBlock = 512;  // steps of K packed at a time
  const int64_t panels = panel_count(p.n), padded_n = round_up(p.n, kLanes);
  float* const partial = static_cast<float*>(context.workspace);
  const size_t scratch_bytes = static_cast<size_t>(kBlock * kPanel) * sizeof(float);
  context.parallel(panels * plan.row_parts * plan.parts, [&](int64_t item, int worker) {
    const int64_t part = item % plan.parts, row = item / plan.parts % plan.row_parts * plan.rows;
    const int64_t panel = item / plan.parts / plan.row_parts, width = panel_width(p.n, panel);
    float* scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    float* to = partial + part * p.m * padded_n + panel * kPanel * p.m + row * width;
    const int64_t begin = part * plan.k_per_part, end = std::min(p.k, begin + plan.k_per_part);
    for (int64_t k = begin; k < end; k += kBlock) {
      OuterRun run;
      run.cols = std::min(kBlock, end - k), run.x_col = p.m, run.y_col = width;
      pack_panel(p, g.b, panel, k, run.cols, scratch);
      const int64_t rows = std::min(plan.rows, p.m - row), size = outer_rows(rows);
      for (int64_t first = 0; first < rows; first += size)
        accumulate_outer(run, g.a + k * p.m + row + first, std::min(size, rows - first), scratch, width,
                         to + first * width, k != begin);
    }
  });
  for_ranges(context, p.m, ceil_div(8192, p.n * plan.parts), [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t panel = 0; panel < panels; ++panel) {
      const int64_t width = panel_width(p.n, panel), columns = std::min(width, p.n - panel * kPanel);
      for (int64_t row = begin; row < end; ++row) {
        const float* from = partial + panel * kPanel * p.m + row * width;
        float* y = g.y + row * p.n + panel * kPanel;
        for (int64_t j = 0; j < columns; j += kLanes) {
          Vec sum = load(from + j);
          for (int64_t part = 1; part < plan.parts; ++part) sum += load(from + part * p.m * padded_n + j);
          const int64_t left = columns - j;
          if (p.bias)
            sum += left >= kLanes ? load(g.bias + panel * kPanel + j)
                                  : load_tail(g.bias + panel * kPanel + j, left);
          if (p.relu) sum = relu(sum);
          if (left >= kLanes)
            store(y + j, sum);
          else
            store_tail(y + j, sum, left);
        }
      }
    }
  });
}

std::string supports_packed(const GemmProblem& p) {
  if (!p.transpose_b || p.transpose_a || !p.bias)
    return "b is not the weight of a linear layer (transpose_b with bias)";
  return {};
}

size_t packed_bytes(const GemmProblem& p) {
  return static_cast<size_t>(panels_floats(p.n, p.k)) * sizeof(float);
}

void pack(const GemmProblem& p, const float* b, float* packed, KernelContext& context) {
  for_ranges(context, panel_count(p.n), ceil_div(32768, p.k * kPanel),
             [&](int64_t begin, int64_t end, int64_t, int) {
               for (int64_t panel = begin; panel < end; ++panel)
                 pack_panel(p, b, panel, 0, p.k, packed + panel * kPanel * p.k);
             });
}

size_t workspace(const GemmProblem& p) {
  if (!p.transpose_a) return 0;
  return static_cast<size_t>(outer_plan(p).parts * p.m * round_up(p.n, kLanes)) * sizeof(float);
}

void gemm_tiles(const GemmProblem& p, const Gemm<float>& g, KernelContext& context) {
  if (p.transpose_a)
    outer(p, g, context);
  else
    rows_times_panels<false>(p, g, context);
}

// column_sum: every chunk of rows gives one partial row; four accumulators hide the latency of the additions.

constexpr int64_t kColumnSumBlock = 128;

int64_t column_sum_chunks(const ColumnSumProblem& p) {
  return std::clamp<int64_t>(p.rows * p.columns / 16384, 1, std::min<int64_t>(32, p.rows));
}

size_t column_sum_workspace(const ColumnSumProblem& p) {
  return static_cast<size_t>(column_sum_chunks(p) * round_up(p.columns, kLanes)) * sizeof(float);
}

void column_sum_rows(const ColumnSumProblem& p, const ColumnSum<float>& a, KernelContext& context) {
  const int64_t chunks = column_sum_chunks(p), size = ceil_div(p.rows, chunks),
                padded = round_up(p.columns, kLanes);
  float* const partial = static_cast<float*>(context.workspace);
  context.parallel(chunks, [&](int64_t chunk, int) {
    const int64_t begin = std::min(p.rows, chunk * size), end = std::min(p.rows, begin + size);
    for (int64_t c = 0; c < padded; c += kLanes) {
      const int64_t left = p.columns - c;
      Vec total{};
      for (int64_t first = begin; first < end;
           first += kColumnSumBlock) {  // short sums of short sums: less rounding
        Vec sums[4] = {};
        for (int64_t row = first; row < std::min(end, first + kColumnSumBlock); ++row) {
          const float* from = a.x + row * p.columns + c;
          sums[row & 3] += left >= kLanes ? load(from) : load_tail(from, left);
        }
        total += (sums[0] + sums[1]) + (sums[2] + sums[3]);
      }
      store(partial + chunk * padded + c, total);
    }
  });
  for (int64_t c = 0; c < padded; c += kLanes) {
    Vec sum = load(partial + c);
    for (int64_t chunk = 1; chunk < chunks; ++chunk) sum += load(partial + chunk * padded + c);
    store_tail(a.y + c, sum, std::min<int64_t>(kLanes, p.columns - c));
  }
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(
    gemm, Gemm, gemm_ref,
    with_packing<GemmProblem, &packed_bytes, &pack>(
        implementation<Gemm<float>, &rows_times_panels<true>, &supports_packed>("register_tile_packed"),
        "gemm_panels", 1),
    implementation<Gemm<float>, &gemm_tiles, nullptr, &workspace>("register_tile"))

LAPIDARY_DEFINE_KERNEL(
    column_sum, ColumnSum, column_sum_ref,
    implementation<ColumnSum<float>, &column_sum_rows, nullptr, &column_sum_workspace>("rows"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
