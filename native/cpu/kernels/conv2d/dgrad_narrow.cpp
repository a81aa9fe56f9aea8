// conv2d dgrad for few input channels (the stem): several neighbouring pixels of dx share a vector.
//
// With C = 3 the tile of implicit_gemm would use 3 of 16 lanes. Here a vector holds J pixels by C channels of
// a row of a dense dx, J a multiple of the column stride, and the filter is spread out for it (a Toeplitz
// band with zeros): F[r][u][k][(j,c)] = f[k,r,s,c] where tap s of pixel j reads column u of dy. That is R U K
// steps for J pixels in place of R S K / stride for each: 2 times fewer for 3x3, 3 times for 7x7 stride 2.
// Rows are handled by phase as in implicit_gemm. Sums run over r, u, k in this order for every output,
// whatever the batch. The band is made anew in each call. FLOPs: 2 N P Q K R S C (done: J C / lanes of 2 N H
// W/J R/stride U K lanes). Bytes: dy, dx and what the epilogue (gradient_epilogue.h) reads, once each. Bench:
// npm run bench:kernel -- --kernel conv2d_dgrad
// --problem "N=128 H=32 W=32 C=3 K=16 R=3 S=3 pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/dgrad_plan.h"
#include "cpu/kernels/register_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// Pixels per vector and the columns of dy that they read, counted from the group's first pixel.
struct Group {
  int64_t pixels = 0, first = 0, count = 0, step = 0;
};

/// Column of dy that tap s of pixel j reads, for the group that starts at column 0; false: none.
bool column_of(const Conv2dProblem& p, int64_t j, int64_t s, int64_t& column) {
  const int64_t y = p.pad_w + j - s * p.dilation_w;
  column = floor_div(y, p.stride_w);
  return column * p.stride_w == y;
}

Group group_of(const Conv2dProblem& p) {
  Group group;
  group.pixels = kLanes / p.c / p.stride_w * p.stride_w;
  group.step = group.pixels / p.stride_w;
  int64_t low = std::numeric_limits<int64_t>::max(), high = std::numeric_limits<int64_t>::min();
  for (int64_t j = 0; j < group.pixels; ++j)
    for (int64_t s = 0; s < p.s; ++s)
      if (int64_t column; column_of(p, j, s, column))
        low = std::min(low, column), high = std::max(high, column);
  group.first = low, group.count = high - low + 1;
  return group;
}

std::string supports(const Conv2dProblem& p) {
  if (p.groups != 1) return "groups != 1";
  if (p.x_pixel() != p.c) return "dx is not dense";
  if (p.c * 2 > kLanes || kLanes / p.c < p.stride_w)
    return "too many channels for a vector of several pixels";
  const Group group = group_of(p);
  if (group.first + group.count <= group.first || 5 * group.pixels * p.s <= 6 * group.count * p.stride_w)
    return "sharing a vector among pixels saves nothing";
  return {};
}

size_t workspace(const Conv2dProblem& p) {
  return static_cast<size_t>(p.r * group_of(p).count * p.k * kLanes) * sizeof(float);
}

void dgrad(const Conv2dProblem& given, const Conv2dDgrad<float>& a, KernelContext& context) {
  DgradPlan plan = dgrad_plan(given);
  const Conv2dProblem& p = plan.p;
  const Group group = group_of(p);
  const int64_t groups = ceil_div(p.w, group.pixels), last_pixels = p.w - (groups - 1) * group.pixels;
  plan.direct = false, plan.left = group.first, plan.cols = group.step * (groups - 1) + group.count;
  plan.pixel = p.k;
  float* const band = static_cast<float*>(context.workspace);
  for_ranges(context, p.r * group.count, ceil_div(4096, p.k), [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t at = begin; at < end; ++at) {
      const int64_t r = at / group.count, u = at % group.count;
      float* to = band + at * p.k * kLanes;
      std::memset(to, 0, static_cast<size_t>(p.k * kLanes) * sizeof(float));
      for (int64_t j = 0; j < group.pixels; ++j)
        for (int64_t s = 0; s < p.s; ++s) {
          int64_t column;
          if (!column_of(p, j, s, column) || column - group.first != u) continue;
          for (int64_t k = 0; k < p.k; ++k)
            for (int64_t c = 0; c < p.c; ++c)
              to[k * kLanes + j * p.c + c] = a.filter[((k * p.r + r) * p.s + s) * p.c + c];
        }
    }
  });

  const int64_t tap_floats = round_up(p.r * static_cast<int64_t>(sizeof(Tap) / sizeof(float)), 16);
  const int64_t row_floats = plan.cols * plan.pixel,
                image_floats = round_up(plan.most_rows() * row_floats, 16);
  const size_t scratch_bytes = static_cast<size_t>(tap_floats + plan.images * image_floats) * sizeof(float);
  const GradientEpilogue gradient(given, a);
  context.parallel(plan.count(), [&](int64_t chunk, int worker) {
    const DgradChunks::Chunk cut = plan.chunk(chunk);
    const int64_t n0 = cut.n0, images = cut.images, h0 = cut.h0, rows = cut.rows;
    float* scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    Tap* taps = reinterpret_cast<Tap*>(scratch);
    const Reach reached = plan.row_reach(h0, rows);
    const PaddedWindow window{reached.count, plan.cols, plan.pixel, reached.first, plan.left, 1, 1};
    float* const dy = scratch + tap_floats;
    for (int64_t image = 0; image < images; ++image)
      copy_padded(a.dy + (n0 + image) * plan.P * plan.Q * p.y_stride, plan.P, plan.Q, p.k, p.y_stride, window,
                  nullptr, dy + image * image_floats);
    RowGrid grid;
    grid.images = images;
    grid.x_image = image_floats, grid.x_row = row_floats, grid.x_col = group.step * plan.pixel;
    grid.y_image = p.h * p.w * p.c, grid.y_row = p.stride_h * p.w * p.c, grid.y_col = group.pixels * p.c;
    for_phases(h0, rows, p.pad_h, p.stride_h, [&](const Phase& row) {
      grid.rows = row.count;
      int64_t count = 0;
      for (int64_t r = 0; r < p.r; ++r)
        if (r * p.dilation_h % p.stride_h == row.phase)
          taps[count++] = {-(r * p.dilation_h / p.stride_h) * row_floats, r * group.count * p.k};
      const TileSum sum{taps, count, group.count * p.k, band};
      const float* from = dy + (row.first - reached.first) * row_floats;
      float* to = a.dx + (n0 * p.h + row.place) * p.w * p.c;
      TileEpilogue epilogue;
      if (!gradient.empty()) epilogue.gradient = &gradient;
      epilogue.columns = group.pixels * p.c;
      grid.cols = groups - (last_pixels < group.pixels);
      if (grid.cols > 0) sweep<1>(grid, from, to, sum, epilogue);
      if (last_pixels == group.pixels) return;
      epilogue.columns = last_pixels * p.c;
      const int64_t done = grid.cols;
      grid.cols = 1;
      sweep<1>(grid, from + done * grid.x_col, to + done * grid.y_col, sum, epilogue);
    });
  });
}

}  // namespace

Implementation conv2d_dgrad_narrow() {
  return implementation<Conv2dDgrad<float>, &dgrad, &supports, &workspace>("implicit_gemm_narrow");
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
