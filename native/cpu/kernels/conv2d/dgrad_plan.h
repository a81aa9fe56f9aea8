// How the dgrad implementations cut a problem into chunks, and which outputs reach a run of inputs.
#pragma once

#include "cpu/kernels/conv2d/padded_image.h"
#include "cpu/kernels/register_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// Outputs p with p stride + r dilation = y for some r in 0..taps-1 and some y in [first, last], edges or
/// not.
struct Reach {
  int64_t first, count;
};
inline Reach reach(int64_t first, int64_t last, int64_t taps, int64_t stride, int64_t dilation) {
  const int64_t low = floor_div(first - dilation * (taps - 1), stride);
  return {low, floor_div(last, stride) - low + 1};
}

/// How a problem is cut. A function of the problem only. Coordinates of dx are padded ones: y = h + pad_h.
struct DgradPlan {
  Conv2dProblem p;  ///< a 1x1 convolution of stride 1 without padding becomes many images of one pixel
  int64_t P, Q;
  bool direct = false;  ///< dy is read in place
  int64_t cols, left;   ///< of scratch: count, and the column of dy it starts with
  int64_t pixel;
  int64_t images, rows, groups, bands;  ///< a chunk: `images` images, or `rows` rows of one dx
  int64_t c_parts, panels_per_part;
  Reach row_reach(int64_t h0, int64_t count) const {
    return reach(h0 + p.pad_h, h0 + count - 1 + p.pad_h, p.r, p.stride_h, p.dilation_h);
  }
  int64_t most_rows() const {  // over all bands
    return ((rows - 1) + p.dilation_h * (p.r - 1)) / p.stride_h + 2;
  }
};

inline DgradPlan dgrad_plan(const Conv2dProblem& given) {
  DgradPlan plan;
  plan.p = given;
  Conv2dProblem& p = plan.p;
  p.x_stride = given.x_pixel(), p.y_stride = given.y_pixel();
  if (p.r == 1 && p.s == 1 && p.stride_h == 1 && p.stride_w == 1 && p.pad_h == 0 && p.pad_w == 0)
    p.n = p.n * p.h * p.w, p.h = p.w = 1;
  plan.P = p.p(), plan.Q = p.q();
  const Reach rows = plan.row_reach(0, p.h),
              cols = reach(p.pad_w, p.pad_w + p.w - 1, p.s, p.stride_w, p.dilation_w);
  plan.direct = rows.first >= 0 && rows.first + rows.count <= plan.P && cols.first >= 0 &&
                cols.first + cols.count <= plan.Q;
  plan.left = plan.direct ? 0 : cols.first;
  plan.cols = plan.direct ? plan.Q : cols.count;
  plan.pixel = plan.direct ? p.y_stride : spread_pixel(p.k);

  constexpr int64_t kChunkFloats = 64 * 1024, kChunks = 16;
  const int64_t pixels = p.h * p.w, row_floats = plan.cols * plan.pixel,
                image_floats = rows.count * row_floats;
  plan.rows = p.h, plan.images = 1;
  if (image_floats > kChunkFloats || pixels > 4096) {
    const int64_t halo = p.dilation_h * (p.r - 1) / p.stride_h + 2;
    plan.rows = std::min((kChunkFloats / row_floats - halo) * p.stride_h, 4096 / p.w);
  } else {
    const int64_t wanted = pixels == 1 ? 128 : 64 * p.stride_h * p.stride_w;
    plan.images =
        std::clamp<int64_t>(ceil_div(wanted, pixels), 1, std::max<int64_t>(1, kChunkFloats / image_floats));
    const int64_t least = ceil_div(kTileRows, pixels);
    plan.images = std::clamp(plan.images, int64_t{1}, std::max(least, p.n / kChunks));
    if (plan.images == 1 && p.n < kChunks)
      plan.rows = std::max(p.h * p.n / kChunks, ceil_div(32 * p.stride_w, p.w));
  }
  // Whole groups of phases in every band but the last.
  plan.rows = std::clamp<int64_t>(plan.rows, 1, p.h);
  plan.bands = ceil_div(p.h, plan.rows);
  plan.rows = std::min(p.h, round_up(ceil_div(p.h, plan.bands), p.stride_h));
  plan.bands = ceil_div(p.h, plan.rows);
  plan.groups = ceil_div(p.n, plan.images);
  const int64_t panels = p.groups * panel_count(p.c / p.groups);
  const int64_t parts = std::clamp<int64_t>(ceil_div(kChunks, plan.groups * plan.bands), 1, panels);
  plan.panels_per_part = ceil_div(panels, parts);
  plan.c_parts = ceil_div(panels, plan.panels_per_part);
  return plan;
}

/// dgrad_narrow.cpp
Implementation conv2d_dgrad_narrow();

}  // namespace lapidary::cpu::LAPIDARY_ISA
