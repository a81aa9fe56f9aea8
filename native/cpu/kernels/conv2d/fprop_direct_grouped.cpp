// conv2d fprop, direct: depthwise, and groups narrower than a vector. A vector holds neighbouring output
// channels, a tile neighbouring outputs of it.
//
// A chunk (some images, or a band of rows of one) by one vector of K: its input is laid out lane by lane in
// zero-padded scratch (lane_groups.h), with the prologue applied; then every output is a chain of
// multiply-adds of scratch with the weights, in the order r, s, c. Statistics as in implicit_gemm. Packed
// filter "fprop_lanes": [vector of K][r][s][c][lanes].
//
// Variants: direct_depthwise (groups = C, any multiplier), direct_grouped (other narrow groups).
// FLOPs: 2 N P Q K R S C / groups. Bytes: x, y and the filter once each; a depthwise convolution is bound by
// memory unless it is cached: 18 FLOPs for 8 bytes with 3x3. Bench: npm run bench:kernel -- --kernel
// conv2d_fprop --problem "N=16 H=32 W=32 C=32 K=32 groups=32 R=3 S=3 pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/chunk_statistics.h"
#include "cpu/kernels/conv2d/lane_groups.h"
#include "cpu/kernels/conv2d/lane_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// How a problem is cut. A function of the problem only.
struct Plan {
  Conv2dProblem p;
  int64_t P, Q;
  LaneGroups lanes;
  int64_t row_step = 1, col_step = 1;  ///< input pixels between neighbouring scratch pixels
  int64_t stride_h, stride_w;          ///< in scratch pixels
  int64_t cols, plane_floats;          ///< of scratch
  int64_t images, rows, groups, bands;
  int64_t parts, vectors_per_part;
  int64_t scratch_rows(int64_t out) const { return (out - 1) * stride_h + p.dilation_h * (p.r - 1) + 1; }
  OutputChunks chunks() const { return {p.n, P, Q, images, rows}; }
};

Plan plan_of(const Conv2dProblem& given) {
  Plan plan;
  plan.p = given;
  Conv2dProblem& p = plan.p;
  p.x_stride = given.x_pixel(), p.y_stride = given.y_pixel();
  plan.P = p.p(), plan.Q = p.q();
  plan.lanes = {p.k / p.groups, p.c / p.groups, p.k};
  plan.stride_h = p.stride_h, plan.stride_w = p.stride_w;
  if (p.r == 1) plan.row_step = p.stride_h, plan.stride_h = 1;
  if (p.s == 1) plan.col_step = p.stride_w, plan.stride_w = 1;
  plan.cols = (plan.Q - 1) * plan.stride_w + p.dilation_w * (p.s - 1) + 1;

  constexpr int64_t kScratchFloats = 32 * 1024, kChunks = 16;
  const int64_t row_floats = plan.cols * kLanes * plan.lanes.other,
                image_floats = plan.scratch_rows(plan.P) * row_floats;
  plan.rows = plan.P, plan.images = 1;
  if (image_floats > kScratchFloats) {
    const int64_t fit = kScratchFloats / row_floats - (p.dilation_h * (p.r - 1) + 1);
    // At least as many new rows as the halo has.
    plan.rows = std::max(fit / plan.stride_h + 1, ceil_div(p.dilation_h * (p.r - 1), plan.stride_h));
  } else {
    plan.images = std::min(kScratchFloats / image_floats, std::max<int64_t>(1, p.n / kChunks));
  }
  plan.rows = std::clamp<int64_t>(plan.rows, 1, plan.P);
  plan.bands = ceil_div(plan.P, plan.rows);
  plan.rows = ceil_div(plan.P, plan.bands);
  plan.bands = ceil_div(plan.P, plan.rows);
  plan.groups = ceil_div(p.n, plan.images);
  plan.plane_floats = plan.scratch_rows(plan.rows) * plan.cols * kLanes;
  const int64_t vectors = plan.lanes.vectors();
  const int64_t parts = std::clamp<int64_t>(ceil_div(kChunks, plan.groups * plan.bands), 1, vectors);
  plan.vectors_per_part = ceil_div(vectors, parts);
  plan.parts = ceil_div(vectors, plan.vectors_per_part);
  return plan;
}

std::string refuse(const Conv2dProblem& p) {
  if (p.statistics && p.changes_output()) return "statistics together with scale, bias, residual or relu";
  return refuse_lanes(p, p.k / p.groups, p.c / p.groups);
}

size_t workspace(const Conv2dProblem& p) {
  return p.statistics ? statistics_bytes(plan_of(p).chunks(), p.k) : 0;
}

size_t packed_bytes(const Conv2dProblem& p) {
  return static_cast<size_t>(round_up(p.k, kLanes) * p.r * p.s * (p.c / p.groups)) * sizeof(float);
}

void pack(const Conv2dProblem& p, const float* filter, float* packed, KernelContext& context) {
  const int64_t steps = p.r * p.s * (p.c / p.groups);
  for_ranges(context, ceil_div(p.k, kLanes), ceil_div(32768, steps * kLanes),
             [&](int64_t begin, int64_t end, int64_t, int) {
               for (int64_t k = begin * kLanes; k < end * kLanes; k += kLanes)
                 pack_transposed(filter + k * steps, steps, p.k - k, steps, kLanes, packed + k * steps);
             });
}

void fprop(const Conv2dProblem& given, const Conv2dFprop<float>& a, KernelContext& context) {
  const Plan plan = plan_of(given);
  const Conv2dProblem& p = plan.p;
  const OutputChunks chunks = plan.chunks();
  const float* packed = static_cast<const float*>(context.packed);
  float* partial = static_cast<float*>(context.workspace);
  const int64_t planes = plan.lanes.other, steps = p.r * p.s * planes, padded_k = statistics_floats(p.k);
  const int64_t tap_floats = round_up(steps * static_cast<int64_t>(sizeof(Tap) / sizeof(float)), 16);
  const int64_t image_floats = planes * plan.plane_floats, row_floats = plan.cols * kLanes;
  const size_t scratch_bytes = static_cast<size_t>(tap_floats + plan.images * image_floats) * sizeof(float);
  const PrologueScales scales{a.in_scale, a.in_shift, nullptr, nullptr, p.prologue == Prologue::AffineRelu};

  context.parallel(chunks.count() * plan.parts, [&](int64_t item, int worker) {
    const int64_t chunk = item / plan.parts, part = item % plan.parts;
    const int64_t n0 = chunk / plan.bands * plan.images, images = std::min(plan.images, p.n - n0);
    const int64_t p0 = chunk % plan.bands * plan.rows, rows = std::min(plan.rows, plan.P - p0);
    float* const scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    Tap* const taps = reinterpret_cast<Tap*>(scratch);
    float* const x = scratch + tap_floats;
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t plane = step % planes, s = step / planes % p.s, r = step / planes / p.s;
      taps[step] = {plane * plan.plane_floats + r * p.dilation_h * row_floats + s * p.dilation_w * kLanes,
                    step};
    }
    TileSum sum{taps, steps, 1, nullptr};
    RowGrid grid;
    grid.images = images, grid.rows = rows, grid.cols = plan.Q;
    grid.x_image = image_floats, grid.x_row = plan.stride_h * row_floats, grid.x_col = plan.stride_w * kLanes;
    grid.y_col = p.y_stride, grid.y_row = plan.Q * p.y_stride, grid.y_image = plan.P * grid.y_row;
    const PaddedWindow window{
        plan.scratch_rows(rows), plan.cols,    kLanes, p0 * p.stride_h - p.pad_h, -p.pad_w,
        plan.row_step,           plan.col_step};
    const int64_t first_pixel = (n0 * plan.P + p0) * plan.Q;
    PanelStatistics statistics;
    const int64_t last = std::min(plan.lanes.vectors(), (part + 1) * plan.vectors_per_part);
    for (int64_t vector = part * plan.vectors_per_part; vector < last; ++vector) {
      const LaneReader reader(plan.lanes, vector, p.prologue == Prologue::None ? nullptr : &scales);
      for (int64_t image = 0; image < images; ++image)
        reader.copy(a.x + (n0 + image) * p.h * p.w * p.x_stride, p.h, p.w, p.x_stride, window,
                    x + image * image_floats, plan.plane_floats);
      const int64_t k = vector * kLanes;
      TileEpilogue epilogue;
      epilogue.columns = plan.lanes.lanes(vector);
      epilogue.scale = p.scale ? a.out_scale + k : nullptr;
      epilogue.bias = p.bias ? a.bias + k : nullptr;
      epilogue.relu = p.rectifies();
      epilogue.ceiling = p.ceiling();
      epilogue.residual = p.residual ? a.residual + first_pixel * p.k + k : nullptr;
      epilogue.residual_row = p.k;
      statistics = {};
      if (p.statistics) epilogue.statistics = &statistics;
      sum.panel = packed + k * steps;
      sweep_lanes(grid, x, a.y + first_pixel * p.y_stride + k, sum, epilogue);
      if (!p.statistics) continue;
      float* to = partial + chunk * 2 * padded_k + k;
      store(to, statistics.mean[0]);
      store(to + padded_k, statistics.m2[0]);
    }
  });
  if (p.statistics) merge_chunks(chunks, p.k, partial, a, context);
}

template <auto Supports>
Implementation direct(const char* name) {
  return with_packing<Conv2dProblem, &packed_bytes, &pack>(
      implementation<Conv2dFprop<float>, &fprop, Supports, &workspace>(name), "fprop_lanes", 1);
}

}  // namespace

Implementation conv2d_fprop_direct_depthwise() {
  return direct<&supports_depthwise<&refuse>>("direct_depthwise");
}
Implementation conv2d_fprop_direct_grouped() { return direct<&supports_grouped<&refuse>>("direct_grouped"); }

}  // namespace lapidary::cpu::LAPIDARY_ISA
