// How the dgrad implementations cut a problem into chunks, and which outputs reach a run of inputs.
#pragma once

#include "cpu/kernels/conv2d/input_chunks.h"
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

/// Inputs y = i stride + phase among a run of them: the first i, how many, and the first one's place in the
/// image.
struct Phase {
  int64_t phase, first, count, place;
};
/// body(phase) for every phase that a run of rows (or columns) of dx has.
template <class Body>
inline void for_phases(int64_t begin, int64_t count, int64_t pad, int64_t stride, const Body& body) {
  for (int64_t phase = 0; phase < std::min(stride, begin + pad + count); ++phase) {
    const int64_t first = ceil_div(begin + pad - phase, stride),
                  past = floor_div(begin + count - 1 + pad - phase, stride) + 1;
    if (past > first) body(Phase{phase, first, past - first, first * stride + phase - pad});
  }
}

/// How dx is cut: a chunk is `images` whole images, or `rows` rows of one. Coordinates of dx are padded ones:
/// y = h + pad_h. A function of the problem only.
struct DgradChunks {
  Conv2dProblem p;  ///< with the steps between pixels filled in
  int64_t P, Q;
  int64_t cols, left;  ///< of scratch: count, and the column of dy it starts with
  int64_t images = 1, rows, bands = 1;

  struct Chunk {
    int64_t n0, images, h0, rows;
  };

  void begin(const Conv2dProblem& problem) {
    p = problem, P = p.p(), Q = p.q(), rows = p.h;
    const Reach columns = reach(p.pad_w, p.pad_w + p.w - 1, p.s, p.stride_w, p.dilation_w);
    cols = columns.count, left = columns.first;
  }
  /// At most `wanted` rows in a chunk, and whole groups of phases in every band but the last.
  void cut_rows(int64_t wanted) {
    bands = ceil_div(p.h, std::clamp<int64_t>(wanted, 1, p.h));
    rows = std::min(p.h, round_up(ceil_div(p.h, bands), p.stride_h));
    bands = ceil_div(p.h, rows);
  }

  int64_t count() const { return ceil_div(p.n, images) * bands; }
  Chunk chunk(int64_t index) const {
    const int64_t n0 = index / bands * images, h0 = index % bands * rows;
    return {n0, std::min(images, p.n - n0), h0, std::min(rows, p.h - h0)};
  }
  Reach row_reach(int64_t h0, int64_t count) const {
    return reach(h0 + p.pad_h, h0 + count - 1 + p.pad_h, p.r, p.stride_h, p.dilation_h);
  }
  int64_t most_rows() const {  // over all bands
    return ((rows - 1) + p.dilation_h * (p.r - 1)) / p.stride_h + 2;
  }
};

/// Of the implementations that read pixels of all channels; a 1x1 convolution of stride 1 without padding
/// becomes many images of one pixel.
struct DgradPlan : DgradChunks {
  bool direct = false;  ///< dy is read in place
  int64_t pixel;
  int64_t c_parts, panels_per_part;
};

inline DgradPlan dgrad_plan(const Conv2dProblem& given) {
  DgradPlan plan;
  plan.begin(as_pixels(given));
  const Conv2dProblem& p = plan.p;
  const Reach rows = plan.row_reach(0, p.h);
  plan.direct = rows.first >= 0 && rows.first + rows.count <= plan.P && plan.left >= 0 &&
                plan.left + plan.cols <= plan.Q;
  if (plan.direct) plan.left = 0, plan.cols = plan.Q;
  plan.pixel = plan.direct ? p.y_stride : spread_pixel(p.k);

  constexpr int64_t kChunkFloats = 64 * 1024, kChunks = 16;
  const int64_t pixels = p.h * p.w, row_floats = plan.cols * plan.pixel,
                image_floats = rows.count * row_floats;
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
  plan.cut_rows(plan.rows);
  const int64_t panels = p.groups * panel_count(p.c / p.groups);
  const int64_t parts = std::clamp<int64_t>(ceil_div(kChunks, plan.count()), 1, panels);
  plan.panels_per_part = ceil_div(panels, parts);
  plan.c_parts = ceil_div(panels, plan.panels_per_part);
  return plan;
}

/// dgrad_narrow.cpp
Implementation conv2d_dgrad_narrow();

}  // namespace lapidary::cpu::LAPIDARY_ISA
