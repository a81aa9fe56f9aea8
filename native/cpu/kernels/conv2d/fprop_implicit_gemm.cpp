// conv2d fprop, implicit GEMM: y[n,p,q,k] = act(out_scale[k] * sum over r,s,c of x'[n,h,w,c] f[k,r,s,c] +
// bias[k] + residual), NHWC.
//
// A chunk (some images, or a band of rows of one) is copied once into zero-padded scratch, with the prologue
// applied; without padding and prologue it is read in place. Then every panel of the packed filter sweeps
// over the chunk's pixels with the register tile. Statistics are merged tile by tile while the sums are in
// registers, and chunk by chunk in order at the end. Sums run over r, s, c in this order for every output,
// whatever the batch. Groups are convolutions side by side. Packed filter "fprop_panels": [group][panel of
// K][r][s][c][K lanes]. FLOPs: 2 N P Q K R S C / groups.
// Bytes: x, y and the filter once each. Bench: npm run bench:kernel -- --kernel conv2d_fprop --problem "N=128
// H=32 W=32 C=16 K=16 R=3 S=3 pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/chunk_statistics.h"
#include "cpu/kernels/conv2d/group_layouts.h"
#include "cpu/kernels/conv2d/input_chunks.h"
#include "cpu/kernels/conv2d/ref.h"
#include "cpu/kernels/conv2d/winograd_choice.h"
#include "cpu/kernels/register_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// How a problem is cut. A function of the problem only.
struct FpropPlan : InputChunks {
  bool linear = false;  ///< a 1x1 convolution of stride 1 without padding: chunks are runs of pixels
  bool direct = false;  ///< x is read in place
  int64_t k_parts, panels_per_part;
  OutputChunks output_chunks() const { return {p.n, P, Q, images, rows}; }
  int64_t cg() const { return p.c / p.groups; }
  int64_t kg() const { return p.k / p.groups; }
};

FpropPlan fprop_plan(const Conv2dProblem& given) {
  FpropPlan plan;
  plan.linear = pointwise(given);
  plan.direct = given.pad_h == 0 && given.pad_w == 0 && given.prologue == Prologue::None;
  plan.begin(as_pixels(given), !plan.direct, plan.direct ? given.x_pixel() : spread_pixel(given.c));
  const Conv2dProblem& p = plan.p;

  const int64_t pixels = plan.P * plan.Q;
  constexpr int64_t kChunkFloats = 64 * 1024, kChunks = 16;
  const int64_t image_floats = plan.scratch_rows(plan.P) * plan.cols * plan.pixel;
  if (image_floats > kChunkFloats || pixels > 4096) {
    const int64_t row_floats = plan.stride_h * plan.cols * plan.pixel,
                  fixed = image_floats - plan.P * row_floats;
    plan.rows = std::min((kChunkFloats - fixed) / row_floats, 4096 / plan.Q);
  } else {
    const int64_t wanted = plan.linear ? 128 : 64;
    plan.images =
        std::clamp<int64_t>(ceil_div(wanted, pixels), 1, std::max<int64_t>(1, kChunkFloats / image_floats));
    // Enough chunks for several workers, but whole tiles in each.
    const int64_t least = ceil_div(kTileRows, pixels);
    plan.images = std::clamp(plan.images, int64_t{1}, std::max(least, p.n / kChunks));
    if (plan.images == 1 && p.n < kChunks)
      plan.rows = std::clamp(plan.P * p.n / kChunks, ceil_div(32, plan.Q), plan.P);
  }
  plan.cut_rows(plan.rows);
  const int64_t panels = p.groups * panel_count(plan.kg());
  const int64_t parts = std::clamp<int64_t>(ceil_div(kChunks, plan.count()), 1, panels);
  plan.panels_per_part = ceil_div(panels, parts);
  plan.k_parts = ceil_div(panels, plan.panels_per_part);
  return plan;
}

std::string supports(const Conv2dProblem& p) {
  if (p.statistics && p.changes_output()) return "statistics together with scale, bias, residual or relu";
  return {};
}

size_t workspace(const Conv2dProblem& p) {
  return p.statistics ? statistics_bytes(fprop_plan(p).output_chunks(), p.k) : 0;
}

size_t packed_bytes(const Conv2dProblem& p) {
  const int64_t kg = p.k / p.groups, steps = p.r * p.s * (p.c / p.groups);
  return static_cast<size_t>(p.groups * panels_floats(kg, steps)) * sizeof(float);
}

void pack(const Conv2dProblem& p, const float* filter, float* packed, KernelContext& context) {
  const int64_t kg = p.k / p.groups, steps = p.r * p.s * (p.c / p.groups), panels = panel_count(kg);
  for_ranges(context, p.groups * panels, ceil_div(32768, steps * kPanel),
             [&](int64_t begin, int64_t end, int64_t, int) {
               for (int64_t at = begin; at < end; ++at) {
                 const int64_t group = at / panels, panel = at % panels;
                 pack_transposed(filter + (group * kg + panel * kPanel) * steps, steps, kg - panel * kPanel,
                                 steps, panel_width(kg, panel),
                                 packed + group * panels_floats(kg, steps) + panel * kPanel * steps);
               }
             });
}

void fprop(const Conv2dProblem& given, const Conv2dFprop<float>& a, KernelContext& context) {
  const FpropPlan plan = fprop_plan(given);
  const Conv2dProblem& p = plan.p;
  const float* packed = static_cast<const float*>(context.packed);
  float* partial = static_cast<float*>(context.workspace);
  const int64_t cg = plan.cg(), kg = plan.kg(), steps = p.r * p.s * cg, panels = panel_count(kg);
  const int64_t padded_k = statistics_floats(p.k), period = period_floats(p);
  const int64_t tap_floats = round_up(p.r * p.s * static_cast<int64_t>(sizeof(Tap) / sizeof(float)), 16);
  const int64_t image_floats =
      plan.direct ? 0 : round_up(plan.scratch_rows(plan.rows) * plan.cols * plan.pixel, 16);
  const size_t scratch_bytes =
      static_cast<size_t>(tap_floats + period + plan.images * image_floats) * sizeof(float);

  context.parallel(plan.count() * plan.k_parts, [&](int64_t item, int worker) {
    const int64_t chunk = item / plan.k_parts, part = item % plan.k_parts;
    const InputChunks::Chunk cut = plan.chunk(chunk);
    const int64_t n0 = cut.n0, images = cut.images, p0 = cut.p0, rows = cut.rows;
    float* scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    Tap* taps = reinterpret_cast<Tap*>(scratch);

    const float* x;
    int64_t row_floats;
    RowGrid grid;
    grid.images = images, grid.rows = rows, grid.cols = plan.Q;
    grid.y_col = p.y_stride, grid.y_row = plan.Q * p.y_stride, grid.y_image = plan.P * grid.y_row;
    if (plan.direct) {
      row_floats = p.w * plan.pixel;
      grid.x_image = p.h * row_floats;
      x = a.x + n0 * grid.x_image + p0 * p.stride_h * row_floats;
    } else {
      PrologueScales scales;
      if (p.prologue != Prologue::None)
        scales = prologue_scales(p, a.in_scale, a.in_shift, scratch + tap_floats);
      const PrologueScales* with = p.prologue == Prologue::None ? nullptr : &scales;
      float* to = scratch + tap_floats + period;
      if (plan.linear) {
        const PaddedWindow window{1, images, plan.pixel, 0, 0, 1, 1};
        copy_padded(a.x + n0 * p.x_stride, 1, images, p.c, p.x_stride, window, with, to);
        row_floats = grid.x_image = plan.pixel;
      } else {
        const PaddedWindow window = plan.window(cut);
        for (int64_t image = 0; image < images; ++image)
          copy_padded(a.x + (n0 + image) * p.h * p.w * p.x_stride, p.h, p.w, p.c, p.x_stride, window, with,
                      to + image * image_floats);
        row_floats = plan.cols * plan.pixel;
        grid.x_image = image_floats;
      }
      x = to;
    }
    grid.x_col = plan.stride_w * plan.pixel, grid.x_row = plan.stride_h * row_floats;

    // With neighbouring columns side by side a filter row is one run of the sum, which a 3-channel input
    // needs badly.
    const bool joined = p.s == 1 || (p.dilation_w == 1 && plan.pixel == cg);
    const int64_t runs = joined ? 1 : p.s, length = joined ? p.s * cg : cg;
    for (int64_t r = 0; r < p.r; ++r)
      for (int64_t s = 0; s < runs; ++s)
        taps[r * runs + s] = {r * p.dilation_h * row_floats + s * p.dilation_w * plan.pixel,
                              (r * p.s + s) * cg};
    TileSum sum{taps, p.r * runs, length, nullptr};

    const int64_t first_pixel = plan.first_pixel(cut);
    PanelStatistics statistics;
    const int64_t last = std::min(p.groups * panels, (part + 1) * plan.panels_per_part);
    for (int64_t at = part * plan.panels_per_part; at < last; ++at) {
      const int64_t group = at / panels, panel = at % panels, k = group * kg;
      TileEpilogue epilogue;
      epilogue.scale = p.scale ? a.out_scale + k : nullptr;
      epilogue.bias = p.bias ? a.bias + k : nullptr;
      epilogue.relu = p.rectifies();
      epilogue.ceiling = p.ceiling();
      epilogue.residual = p.residual ? a.residual + first_pixel * p.k + k : nullptr;
      epilogue.residual_row = p.k;
      statistics = {};
      if (p.statistics) epilogue.statistics = &statistics;
      sum.panel = packed + group * panels_floats(kg, steps) + panel * kPanel * steps;
      sweep_panel(grid, x + group * cg, a.y + first_pixel * p.y_stride + k, sum, kg, panel, epilogue);
      if (!p.statistics) continue;
      float* to = partial + chunk * 2 * padded_k + k + panel * kPanel;
      const size_t bytes =
          static_cast<size_t>(std::min<int64_t>(kPanel, kg - panel * kPanel)) * sizeof(float);
      std::memcpy(to, statistics.mean, bytes);
      std::memcpy(to + padded_k, statistics.m2, bytes);
    }
  });
  if (p.statistics) merge_chunks(plan.output_chunks(), p.k, partial, a, context);
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(conv2d_fprop, Conv2dFprop, conv2d_fprop_ref, conv2d_fprop_direct_depthwise(),
                       conv2d_fprop_direct_whole_groups(), conv2d_fprop_direct_grouped(),
                       conv2d_fprop_winograd_f4x3(), conv2d_fprop_winograd_f2x3(),
                       with_packing<Conv2dProblem, &packed_bytes, &pack>(
                           implementation<Conv2dFprop<float>, &fprop, &supports, &workspace>("implicit_gemm"),
                           "fprop_panels", 1))

}  // namespace lapidary::cpu::LAPIDARY_ISA
