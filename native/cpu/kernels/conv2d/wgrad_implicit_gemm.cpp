// conv2d wgrad, implicit GEMM: df[k,r,s,c] = sum over n,p,q of x'[n,h,w,c] dy[n,p,q,k], x' the input after
// the prologue.
//
// Pixels are cut into blocks (some images, or a band of rows of one). A block's x goes into zero-padded
// scratch with the prologue applied, its dy into panels of K unless vectors of K are whole; then for every
// tap a tile of channels x K lanes stays in registers over all pixels of the block and is added to a partial
// sum in workspace. Blocks are dealt to a number of partial sums that the problem fixes; within one they are
// added in order, and the partial sums as a tree at the end. With neighbouring columns side by side (dilation
// 1, one group) the s*c axis of a filter row is one axis. Groups are convolutions side by side. FLOPs: 2 N P
// Q K R S C / groups. Bytes: x and dy once for every part of K, the partial sums twice. Bench: npm run
// bench:kernel -- --kernel conv2d_wgrad --problem "N=128 H=32 W=32 C=16 K=16 R=3 S=3 pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/group_layouts.h"
#include "cpu/kernels/conv2d/input_chunks.h"
#include "cpu/kernels/conv2d/partial_sums.h"
#include "cpu/kernels/conv2d/ref.h"
#include "cpu/kernels/conv2d/winograd_choice.h"
#include "cpu/kernels/register_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// How a problem is cut. A function of the problem only.
struct WgradPlan : InputChunks {
  bool linear = false;  ///< a 1x1 convolution of stride 1 without padding: one row of pixels
  bool x_direct = false, dy_direct = false;  ///< read in place
  int64_t blocks, parts, k_parts, panels_per_part;
  int64_t cg() const { return p.c / p.groups; }
  int64_t kg() const { return p.k / p.groups; }
  int64_t panels() const { return p.groups * panel_count(kg()); }
  /// Where a panel (of a group) starts in a partial sum.
  int64_t group_floats() const { return panels_floats(kg(), p.r * p.s * cg()); }
  int64_t partial_floats() const { return p.groups * group_floats(); }
};

WgradPlan wgrad_plan(const Conv2dProblem& given) {
  WgradPlan plan;
  plan.linear = pointwise(given);
  plan.x_direct = given.pad_h == 0 && given.pad_w == 0 && given.prologue == Prologue::None;
  plan.begin(as_pixels(given), !plan.x_direct, plan.x_direct ? given.x_pixel() : spread_pixel(given.c));
  const Conv2dProblem& p = plan.p;
  plan.dy_direct = plan.kg() % kLanes == 0;  // whole vectors: a copy into panels would not pay

  constexpr int64_t kBlockPixels = 256, kItems = 16, kPartialFloats = 512 * 1024, kScratchFloats = 160 * 1024;
  const int64_t most_parts = std::clamp<int64_t>(kPartialFloats / plan.partial_floats(), 1, kMostParts);
  const int64_t image_floats = plan.scratch_rows(plan.P) * plan.cols * plan.pixel;
  plan.images = std::clamp<int64_t>(kBlockPixels / (plan.P * plan.Q), 1, p.n);
  plan.images = std::clamp<int64_t>(kScratchFloats / image_floats, 1, plan.images);
  const int64_t rows = plan.images == 1 ? kBlockPixels / plan.Q : plan.P;
  // Few pixels: smaller blocks, so that there are several parts.
  if (p.n > 1) plan.images = std::clamp<int64_t>(p.n / most_parts, 1, plan.images);
  plan.cut_rows(rows);
  plan.blocks = plan.count();
  plan.parts = std::min(most_parts, plan.blocks);
  const int64_t panels = plan.panels(), wanted = std::clamp<int64_t>(ceil_div(kItems, plan.parts), 1, panels);
  plan.panels_per_part = ceil_div(panels, wanted);
  plan.k_parts = ceil_div(panels, plan.panels_per_part);
  return plan;
}

size_t workspace(const Conv2dProblem& p) {
  const WgradPlan plan = wgrad_plan(p);
  return static_cast<size_t>(plan.parts * plan.partial_floats()) * sizeof(float);
}

void wgrad(const Conv2dProblem& given, const Conv2dWgrad<float>& a, KernelContext& context) {
  const WgradPlan plan = wgrad_plan(given);
  const Conv2dProblem& p = plan.p;
  float* partial = static_cast<float*>(context.workspace);
  const int64_t cg = plan.cg(), kg = plan.kg(), steps = p.r * p.s * cg, panels = panel_count(kg);
  const int64_t period = period_floats(p);
  const int64_t image_floats =
      plan.x_direct ? 0 : round_up(plan.scratch_rows(plan.rows) * plan.cols * plan.pixel, 16);
  const int64_t dy_floats = plan.dy_direct ? 0 : plan.images * plan.rows * plan.Q * kPanel;
  const size_t scratch_bytes =
      static_cast<size_t>(period + plan.images * image_floats + dy_floats) * sizeof(float);

  context.parallel(plan.parts * plan.k_parts, [&](int64_t item, int worker) {
    const int64_t part = item / plan.k_parts, k_part = item % plan.k_parts;
    const int64_t first_panel = k_part * plan.panels_per_part;
    const int64_t last_panel = std::min(plan.panels(), first_panel + plan.panels_per_part);
    float* scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    float* const x_scratch = scratch + period;
    float* const dy_scratch = x_scratch + plan.images * image_floats;
    PrologueScales scales;
    if (p.prologue != Prologue::None) scales = prologue_scales(p, a.in_scale, a.in_shift, scratch);
    const PrologueScales* with = p.prologue == Prologue::None ? nullptr : &scales;
    float* const sums = partial + part * plan.partial_floats();

    const BlockRange blocks = blocks_of_part(plan.blocks, plan.parts, part);
    for (int64_t block = blocks.first; block < blocks.past; ++block) {
      const InputChunks::Chunk cut = plan.chunk(block);
      const int64_t n0 = cut.n0, images = cut.images, p0 = cut.p0, rows = cut.rows;
      OuterRun run;
      run.images = images, run.rows = rows, run.cols = plan.Q;
      const float* x;
      int64_t row_floats;
      if (plan.x_direct) {
        row_floats = p.w * plan.pixel;
        run.x_image = p.h * row_floats;
        x = a.x + n0 * run.x_image + p0 * p.stride_h * row_floats;
      } else if (plan.linear) {
        const PaddedWindow window{1, images, plan.pixel, 0, 0, 1, 1};
        copy_padded(a.x + n0 * p.x_stride, 1, images, p.c, p.x_stride, window, with, x_scratch);
        row_floats = run.x_image = plan.pixel;
        x = x_scratch;
      } else {
        const PaddedWindow window = plan.window(cut);
        for (int64_t image = 0; image < images; ++image)
          copy_padded(a.x + (n0 + image) * p.h * p.w * p.x_stride, p.h, p.w, p.c, p.x_stride, window, with,
                      x_scratch + image * image_floats);
        row_floats = plan.cols * plan.pixel;
        run.x_image = image_floats;
        x = x_scratch;
      }
      run.x_col = plan.stride_w * plan.pixel, run.x_row = plan.stride_h * row_floats;

      const float* const dy = a.dy + plan.first_pixel(cut) * p.y_stride;
      const bool joined = p.s == 1 || (p.dilation_w == 1 && plan.pixel == cg);
      const int64_t runs = joined ? 1 : p.s, axis = joined ? p.s * cg : cg;
      for (int64_t at = first_panel; at < last_panel; ++at) {
        const int64_t group = at / panels, column = at % panels * kPanel,
                      width = panel_width(kg, at % panels);
        const float* gradient = dy + group * kg + column;
        if (!plan.dy_direct) {
          // Rows of a band and whole images follow each other in dy.
          pack_plain(gradient, p.y_stride, kg - column, images * rows * plan.Q, width, dy_scratch);
          gradient = dy_scratch;
        }
        run.y_col = plan.dy_direct ? p.y_stride : width;
        run.y_row = plan.Q * run.y_col, run.y_image = rows * run.y_row;
        OuterRun joined_run = run;
        if (run.rows * run.cols == 1) {  // images of one pixel: one long row
          joined_run.cols = run.images, joined_run.x_col = run.x_image, joined_run.y_col = run.y_image;
          joined_run.images = 1;
        }
        // A few channels at a time through all taps: they read the same cache lines.
        const int64_t size = outer_rows(axis);
        for (int64_t first = 0; first < axis; first += size)
          for (int64_t r = 0; r < p.r; ++r)
            for (int64_t s = 0; s < runs; ++s)
              accumulate_outer(
                  joined_run,
                  x + group * cg + r * p.dilation_h * row_floats + s * p.dilation_w * plan.pixel + first,
                  std::min(size, axis - first), gradient, width,
                  sums + group * plan.group_floats() + column * steps + ((r * p.s + s) * cg + first) * width,
                  block != blocks.first);
      }
    }
  });

  const int64_t step_blocks = ceil_div(steps, kStepBlock);
  for_ranges(context, plan.panels() * step_blocks, 8, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t at = unit / step_blocks, first = unit % step_blocks * kStepBlock;
      const int64_t group = at / panels, column = at % panels * kPanel, width = panel_width(kg, at % panels);
      const PartialPanel panel{partial + group * plan.group_floats() + column * steps,
                               plan.parts,
                               plan.partial_floats(),
                               width,
                               std::min(width, kg - column),
                               steps};
      add_parts(panel, first, std::min(steps, first + kStepBlock), a.dfilter + (group * kg + column) * steps);
    }
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(conv2d_wgrad, Conv2dWgrad, conv2d_wgrad_ref, conv2d_wgrad_direct_depthwise(),
                       conv2d_wgrad_direct_whole_groups(), conv2d_wgrad_direct_grouped(),
                       conv2d_wgrad_winograd_f4x3(), conv2d_wgrad_winograd_f2x3(),
                       implementation<Conv2dWgrad<float>, &wgrad, nullptr, &workspace>("implicit_gemm"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
