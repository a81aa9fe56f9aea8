// conv2d fprop, direct: depthwise and grouped. A vector holds neighbouring output channels, a tile
// neighbouring outputs of a row.
//
// A chunk (some images, or a band of rows of one) by one vector of K: its input is laid out in zero-padded
// scratch (group_layouts.h), with the prologue applied; then every output is a chain of multiply-adds of
// scratch with the weights, in the order r, s, c (r, c, s where the
// channels of a group are laid out apart). Statistics as in implicit_gemm. Packed filter
// "fprop_lanes" (or "fprop_groups"): [vector of K][r][s][c][lanes].
//
// Variants: direct_depthwise (groups = C, any multiplier), direct_whole_groups (a group has as many filters
// as a vector or half of one has lanes), direct_grouped (other narrow groups).
// FLOPs: 2 N P Q K R S C / groups. Bytes: x, y and the filter once each; a depthwise convolution is bound by
// memory unless it is cached: 18 FLOPs for 8 bytes with 3x3. Bench: npm run bench:kernel -- --kernel
// conv2d_fprop --problem "N=16 H=32 W=32 C=32 K=32 groups=32 R=3 S=3 pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/chunk_statistics.h"
#include "cpu/kernels/conv2d/group_layouts.h"
#include "cpu/kernels/conv2d/input_chunks.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// How a problem is cut. A function of the problem only.
struct Plan : InputChunks {
  GroupLayout layout;
  int64_t plane_floats;
  int64_t parts, vectors_per_part;
  OutputChunks chunks() const { return {p.n, P, Q, images, rows}; }
};

template <Grouping kGrouping>
GroupLayout layout_of(const Conv2dProblem& p) {
  return group_layout<kGrouping>(p.k / p.groups, p.c / p.groups, p.k);
}

template <Grouping kGrouping>
Plan plan_of(const Conv2dProblem& given) {
  Plan plan;
  plan.layout = layout_of<kGrouping>(given);
  plan.begin(with_steps(given), true, plan.layout.pixel());
  const Conv2dProblem& p = plan.p;

  constexpr int64_t kScratchFloats = 32 * 1024, kChunks = 16;
  const int64_t row_floats = plan.cols * plan.pixel * plan.layout.planes(),
                image_floats = plan.scratch_rows(plan.P) * row_floats;
  if (image_floats > kScratchFloats) {
    const int64_t fit = kScratchFloats / row_floats - (plan.halo() + 1);
    // At least as many new rows as the halo has.
    plan.rows = std::max(fit / plan.stride_h + 1, ceil_div(plan.halo(), plan.stride_h));
  } else {
    plan.images = std::min(kScratchFloats / image_floats, std::max<int64_t>(1, p.n / kChunks));
  }
  plan.cut_rows(plan.rows);
  plan.plane_floats = plan.scratch_rows(plan.rows) * plan.cols * plan.pixel;
  const int64_t vectors = plan.layout.lanes.vectors();
  const int64_t parts = std::clamp<int64_t>(ceil_div(kChunks, plan.count()), 1, vectors);
  plan.vectors_per_part = ceil_div(vectors, parts);
  plan.parts = ceil_div(vectors, plan.vectors_per_part);
  return plan;
}

template <Grouping kGrouping>
std::string supports(const Conv2dProblem& p) {
  if (p.statistics && p.changes_output()) return "statistics together with scale, bias, residual or relu";
  return refuse_swept_groups<kGrouping>(p, p.k / p.groups, p.c / p.groups);
}

template <Grouping kGrouping>
size_t workspace(const Conv2dProblem& p) {
  return p.statistics ? statistics_bytes(plan_of<kGrouping>(p).chunks(), p.k) : 0;
}

template <Grouping kGrouping>
size_t packed_bytes(const Conv2dProblem& p) {
  const GroupLayout layout = layout_of<kGrouping>(p);
  return static_cast<size_t>(round_up(p.k, layout.lanes.width) * layout.steps(p)) * sizeof(float);
}

template <Grouping kGrouping>
void pack(const Conv2dProblem& p, const float* filter, float* packed, KernelContext& context) {
  const GroupLayout layout = layout_of<kGrouping>(p);
  const int64_t steps = layout.steps(p), width = layout.lanes.width;
  for_ranges(context, layout.lanes.vectors(), ceil_div(32768, steps * width),
             [&](int64_t begin, int64_t end, int64_t, int) {
               for (int64_t k = begin * width; k < end * width; k += width)
                 pack_transposed(filter + k * steps, steps, p.k - k, steps, width, packed + k * steps);
             });
}

template <class Layout>
void fprop_as(const Plan& plan, const Conv2dFprop<float>& a, KernelContext& context) {
  const Conv2dProblem& p = plan.p;
  const LaneGroups& lanes = plan.layout.lanes;
  const OutputChunks chunks = plan.chunks();
  const float* packed = static_cast<const float*>(context.packed);
  float* partial = static_cast<float*>(context.workspace);
  const int64_t planes = plan.layout.planes(), steps = plan.layout.steps(p),
                padded_k = statistics_floats(p.k);
  const int64_t tap_count = p.r * planes, length = lanes.other / planes,
                tap_floats = round_up(tap_count * static_cast<int64_t>(sizeof(Tap) / sizeof(float)), 16);
  const int64_t image_floats = planes * plan.plane_floats, row_floats = plan.cols * plan.pixel;
  const size_t scratch_bytes = static_cast<size_t>(tap_floats + plan.images * image_floats) * sizeof(float);
  const PrologueScales scales{a.in_scale, a.in_shift, nullptr, nullptr, p.prologue == Prologue::AffineRelu};

  context.parallel(chunks.count() * plan.parts, [&](int64_t item, int worker) {
    const int64_t chunk_index = item / plan.parts, part = item % plan.parts;
    const InputChunks::Chunk chunk = plan.chunk(chunk_index);
    float* const scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    Tap* const taps = reinterpret_cast<Tap*>(scratch);
    float* const x = scratch + tap_floats;
    for (int64_t tap = 0; tap < tap_count; ++tap) {
      const int64_t plane = tap % planes, r = tap / planes;
      taps[tap] = {plane * plan.plane_floats + r * p.dilation_h * row_floats,
                   (r * p.s * planes + plane) * length};
    }
    RowSum sum{{taps, tap_count, length, nullptr}, p.s, p.dilation_w * plan.pixel, lanes.other};
    RowGrid grid;
    grid.images = chunk.images, grid.rows = chunk.rows, grid.cols = plan.Q;
    grid.x_image = image_floats, grid.x_row = plan.stride_h * row_floats,
    grid.x_col = plan.stride_w * plan.pixel;
    grid.y_col = p.y_stride, grid.y_row = plan.Q * p.y_stride, grid.y_image = plan.P * grid.y_row;
    const PaddedWindow window = plan.window(chunk);
    const int64_t first_pixel = plan.first_pixel(chunk);
    PanelStatistics statistics;
    const int64_t last = std::min(lanes.vectors(), (part + 1) * plan.vectors_per_part);
    for (int64_t vector = part * plan.vectors_per_part; vector < last; ++vector) {
      const typename Layout::Reader reader(lanes, vector, p.prologue == Prologue::None ? nullptr : &scales);
      for (int64_t image = 0; image < chunk.images; ++image)
        reader.copy(a.x + (chunk.n0 + image) * p.h * p.w * p.x_stride, p.h, p.w, p.x_stride, window,
                    x + image * image_floats, plan.plane_floats);
      const int64_t k = vector * lanes.width;
      TileEpilogue epilogue;
      epilogue.columns = lanes.lanes(vector);
      epilogue.scale = p.scale ? a.out_scale + k : nullptr;
      epilogue.bias = p.bias ? a.bias + k : nullptr;
      epilogue.relu = p.rectifies();
      epilogue.ceiling = p.ceiling();
      epilogue.residual = p.residual ? a.residual + first_pixel * p.k + k : nullptr;
      epilogue.residual_row = p.k;
      statistics = {};
      if (p.statistics) epilogue.statistics = &statistics;
      sum.panel = packed + k * steps;
      Layout::sweep(grid, x, a.y + first_pixel * p.y_stride + k, sum, epilogue);
      if (!p.statistics) continue;
      float* to = partial + chunk_index * 2 * padded_k + k;
      const size_t bytes = static_cast<size_t>(epilogue.columns) * sizeof(float);
      std::memcpy(to, statistics.mean, bytes);
      std::memcpy(to + padded_k, statistics.m2, bytes);
    }
  });
  if (p.statistics) merge_chunks(chunks, p.k, partial, a, context);
}

template <Grouping kGrouping>
void fprop(const Conv2dProblem& p, const Conv2dFprop<float>& a, KernelContext& context) {
  const Plan plan = plan_of<kGrouping>(p);
  with_layout<kGrouping>(plan.layout, [&](auto layout) { fprop_as<decltype(layout)>(plan, a, context); });
}

template <Grouping kGrouping>
Implementation direct(const char* name, const char* packing) {
  return with_packing<Conv2dProblem, &packed_bytes<kGrouping>, &pack<kGrouping>>(
      implementation<Conv2dFprop<float>, &fprop<kGrouping>, &supports<kGrouping>, &workspace<kGrouping>>(
          name),
      packing, 1);
}

}  // namespace

Implementation conv2d_fprop_direct_depthwise() {
  return direct<Grouping::Depthwise>("direct_depthwise", "fprop_lanes");
}
Implementation conv2d_fprop_direct_whole_groups() {
  return direct<Grouping::WholeGroups>("direct_whole_groups", "fprop_groups");
}
Implementation conv2d_fprop_direct_grouped() {
  return direct<Grouping::NarrowGroups>("direct_grouped", "fprop_lanes");
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
