// conv2d dgrad, implicit GEMM: dx[n,h,w,c] = sum over r,s,k of dy[n,p,q,k] f[k,r,s,c] with h + pad = p stride
// + r dilation.
//
// A chunk (some images, or a band of rows of one) of dy is copied once into zero-padded scratch (read in
// place where no tap leaves it). The rows and columns of dx fall into stride_h x stride_w phases; within a
// phase every pixel has the same taps, and neighbours read neighbouring dy pixels: a plain stride-1
// convolution with the register tile. A phase without taps writes zeros. Sums run over r, s, k in this order
// for every output, whatever the batch. Groups are convolutions side by side. Packed filter "dgrad_panels":
// [group][panel of C][r][s][k][C lanes]. FLOPs: 2 N P Q K R S C / groups. Bytes: dy, dx, the filter and
// what the epilogue (gradient_epilogue.h) reads, once each. Bench: npm run bench:kernel -- --kernel
// conv2d_dgrad
// --problem "N=128 H=32 W=32 C=16 K=16 R=3 S=3 pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/dgrad_plan.h"
#include "cpu/kernels/conv2d/group_layouts.h"
#include "cpu/kernels/conv2d/padded_image.h"
#include "cpu/kernels/conv2d/ref.h"
#include "cpu/kernels/conv2d/winograd_choice.h"
#include "cpu/kernels/register_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

size_t packed_bytes(const Conv2dProblem& p) {
  const int64_t cg = p.c / p.groups, steps = p.r * p.s * (p.k / p.groups);
  return static_cast<size_t>(p.groups * panels_floats(cg, steps)) * sizeof(float);
}

void pack(const Conv2dProblem& p, const float* filter, float* packed, KernelContext& context) {
  const int64_t cg = p.c / p.groups, kg = p.k / p.groups, taps = p.r * p.s, steps = taps * kg;
  const int64_t panels = panel_count(cg);
  for_ranges(context, p.groups * panels, ceil_div(32768, steps * kPanel),
             [&](int64_t begin, int64_t end, int64_t, int) {
               for (int64_t at = begin; at < end; ++at) {
                 const int64_t group = at / panels, panel = at % panels, width = panel_width(cg, panel);
                 const float* from = filter + group * kg * taps * cg + panel * kPanel;
                 float* to = packed + group * panels_floats(cg, steps) + panel * kPanel * steps;
                 for (int64_t tap = 0; tap < taps; ++tap)
                   pack_plain(from + tap * cg, taps * cg, cg - panel * kPanel, kg, width,
                              to + tap * kg * width);
               }
             });
}

void dgrad(const Conv2dProblem& given, const Conv2dDgrad<float>& a, KernelContext& context) {
  const DgradPlan plan = dgrad_plan(given);
  const Conv2dProblem& p = plan.p;
  const float* packed = static_cast<const float*>(context.packed);
  const int64_t cg = p.c / p.groups, kg = p.k / p.groups, steps = p.r * p.s * kg, panels = panel_count(cg);
  const int64_t tap_floats = round_up(p.r * p.s * static_cast<int64_t>(sizeof(Tap) / sizeof(float)), 16);
  const int64_t image_floats = plan.direct ? 0 : round_up(plan.most_rows() * plan.cols * plan.pixel, 16);
  const size_t scratch_bytes = static_cast<size_t>(tap_floats + plan.images * image_floats) * sizeof(float);

  const GradientEpilogue gradient(given, a);
  TileEpilogue epilogue;
  if (!gradient.empty()) epilogue.gradient = &gradient;

  context.parallel(plan.count() * plan.c_parts, [&](int64_t item, int worker) {
    const int64_t part = item % plan.c_parts;
    const DgradChunks::Chunk cut = plan.chunk(item / plan.c_parts);
    const int64_t n0 = cut.n0, images = cut.images, h0 = cut.h0, rows = cut.rows;
    float* scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    Tap* taps = reinterpret_cast<Tap*>(scratch);
    const Reach band = plan.direct ? Reach{0, plan.P} : plan.row_reach(h0, rows);
    const int64_t row_floats = plan.cols * plan.pixel;
    const float* dy;
    RowGrid grid;
    grid.images = images;
    if (plan.direct) {
      grid.x_image = plan.P * row_floats;
      dy = a.dy + n0 * grid.x_image;
    } else {
      const PaddedWindow window{band.count, plan.cols, plan.pixel, band.first, plan.left, 1, 1};
      float* to = scratch + tap_floats;
      for (int64_t image = 0; image < images; ++image)
        copy_padded(a.dy + (n0 + image) * plan.P * plan.Q * p.y_stride, plan.P, plan.Q, p.k, p.y_stride,
                    window, nullptr, to + image * image_floats);
      grid.x_image = image_floats;
      dy = to;
    }
    grid.x_row = row_floats, grid.x_col = plan.pixel;
    grid.y_image = p.h * p.w * p.x_stride, grid.y_row = p.stride_h * p.w * p.x_stride,
    grid.y_col = p.stride_w * p.x_stride;

    const int64_t last = std::min(p.groups * panels, (part + 1) * plan.panels_per_part);
    for_phases(h0, rows, p.pad_h, p.stride_h, [&](const Phase& row) {
      for_phases(0, p.w, p.pad_w, p.stride_w, [&](const Phase& col) {
        grid.rows = row.count, grid.cols = col.count;
        int64_t count = 0;
        for (int64_t r = 0; r < p.r; ++r) {
          if (r * p.dilation_h % p.stride_h != row.phase) continue;
          for (int64_t s = 0; s < p.s; ++s) {
            if (s * p.dilation_w % p.stride_w != col.phase) continue;
            // y = i stride + phase meets tap r at p = i - floor(r dilation / stride).
            taps[count++] = {
                -(r * p.dilation_h / p.stride_h) * row_floats - (s * p.dilation_w / p.stride_w) * plan.pixel,
                (r * p.s + s) * kg};
          }
        }
        TileSum sum{taps, count, kg, nullptr};
        const float* from = dy + (row.first - band.first) * row_floats + (col.first - plan.left) * plan.pixel;
        float* to = a.dx + ((n0 * p.h + row.place) * p.w + col.place) * p.x_stride;
        for (int64_t at = part * plan.panels_per_part; at < last; ++at) {
          const int64_t group = at / panels, panel = at % panels;
          sum.panel = packed + group * panels_floats(cg, steps) + panel * kPanel * steps;
          sweep_panel(grid, from + group * kg, to + group * cg, sum, cg, panel, epilogue);
        }
      });
    });
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(conv2d_dgrad, Conv2dDgrad, conv2d_dgrad_ref, conv2d_dgrad_direct_depthwise(),
                       conv2d_dgrad_direct_whole_groups(), conv2d_dgrad_direct_grouped(),
                       conv2d_dgrad_narrow(), conv2d_dgrad_winograd_f4x3(), conv2d_dgrad_winograd_f2x3(),
                       with_packing<Conv2dProblem, &packed_bytes, &pack>(
                           implementation<Conv2dDgrad<float>, &dgrad>("implicit_gemm"), "dgrad_panels", 1))

}  // namespace lapidary::cpu::LAPIDARY_ISA
