// conv2d dgrad, direct: depthwise and grouped. A vector holds neighbouring input channels.
//
// dx[n,h,w,c] = sum over r,s and the filters k of c's group of dy[n,p,q,k] f[k,r,s,c] with h + pad = p stride
// + r dilation. A chunk by one vector of C: its dy is laid out in zero-padded scratch
// (group_layouts.h); the rows and columns of dx fall into phases as in implicit_gemm, and within a phase
// every pixel has the same taps. Sums run over r, falling s, and k (r, k, falling s
// where the channels of a group are laid out apart) for every output, whatever the batch.
// Packed filter "dgrad_lanes" (or "dgrad_groups"): [vector of C][r][s][k of the group][lanes].
//
// Variants: direct_depthwise (groups = C, any multiplier), direct_whole_groups (a group has as many channels
// as a vector or half of one has lanes), direct_grouped (other narrow groups).
// FLOPs: 2 N P Q K R S C / groups. Bytes: dy, dx, the filter and what the epilogue
// (gradient_epilogue.h) reads, once each. Bench: npm run bench:kernel --
// --kernel conv2d_dgrad --problem "N=16 H=32 W=32 C=32 K=32 groups=32 R=3 S=3 pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/dgrad_plan.h"
#include "cpu/kernels/conv2d/group_layouts.h"
#include "cpu/kernels/conv2d/input_chunks.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// How a problem is cut. A function of the problem only.
struct Plan : DgradChunks {
  GroupLayout layout;
  int64_t plane_floats;  ///< of scratch
  int64_t parts, vectors_per_part;
};

template <Grouping kGrouping>
GroupLayout layout_of(const Conv2dProblem& p) {
  return group_layout<kGrouping>(p.c / p.groups, p.k / p.groups, p.c);
}

template <Grouping kGrouping>
Plan plan_of(const Conv2dProblem& given) {
  Plan plan;
  plan.begin(with_steps(given));
  const Conv2dProblem& p = plan.p;
  plan.layout = layout_of<kGrouping>(p);

  constexpr int64_t kScratchFloats = 32 * 1024, kChunks = 16;
  const int64_t row_floats = plan.cols * plan.layout.pixel() * plan.layout.planes();
  const int64_t image_floats = plan.most_rows() * row_floats;
  if (image_floats > kScratchFloats) {
    const int64_t halo = p.dilation_h * (p.r - 1);
    plan.rows = std::max((kScratchFloats / row_floats - 2) * p.stride_h - halo, halo);
  } else {
    plan.images = std::min(kScratchFloats / image_floats, std::max<int64_t>(1, p.n / kChunks));
  }
  plan.cut_rows(plan.rows);
  plan.plane_floats = plan.most_rows() * plan.cols * plan.layout.pixel();
  const int64_t vectors = plan.layout.lanes.vectors();
  const int64_t parts = std::clamp<int64_t>(ceil_div(kChunks, plan.count()), 1, vectors);
  plan.vectors_per_part = ceil_div(vectors, parts);
  plan.parts = ceil_div(vectors, plan.vectors_per_part);
  return plan;
}

template <Grouping kGrouping>
std::string supports(const Conv2dProblem& p) {
  return refuse_swept_groups<kGrouping>(p, p.c / p.groups, p.k / p.groups);
}

template <Grouping kGrouping>
size_t packed_bytes(const Conv2dProblem& p) {
  const GroupLayout layout = layout_of<kGrouping>(p);
  return static_cast<size_t>(round_up(p.c, layout.lanes.width) * layout.steps(p)) * sizeof(float);
}

template <Grouping kGrouping>
void pack(const Conv2dProblem& p, const float* filter, float* packed, KernelContext& context) {
  const GroupLayout layout = layout_of<kGrouping>(p);
  const LaneGroups& groups = layout.lanes;
  const int64_t taps = p.r * p.s, steps = layout.steps(p), width = groups.width;
  for_ranges(context, groups.vectors(), ceil_div(32768, steps * width),
             [&](int64_t begin, int64_t end, int64_t, int) {
               std::memset(packed + begin * width * steps, 0,
                           static_cast<size_t>((end - begin) * width * steps) * sizeof(float));
               for (int64_t c = begin * width; c < std::min(p.c, end * width); ++c) {
                 const float* from = filter + groups.first_other(c) * taps * groups.own + c % groups.own;
                 float* to = packed + c / width * width * steps + c % width;
                 for (int64_t tap = 0; tap < taps; ++tap)
                   for (int64_t k = 0; k < groups.other; ++k, to += width)
                     *to = from[(k * taps + tap) * groups.own];
               }
             });
}

/// The sum that every pixel of a phase has. y = i stride + phase meets tap r at p = i - floor(r dilation /
/// stride), and column s alike: from the last column on, as their outputs lie.
RowSum sum_of(const Plan& plan, int64_t phase_h, int64_t phase_w, Tap* taps, const float* panel) {
  const Conv2dProblem& p = plan.p;
  const int64_t planes = plan.layout.planes(), other = plan.layout.lanes.other, length = other / planes,
                pixel = plan.layout.pixel(), row_floats = plan.cols * pixel;
  int64_t columns = 0, last_s = 0, s_step = p.s;
  for (int64_t s = 0; s < p.s; ++s) {
    if (s * p.dilation_w % p.stride_w != phase_w) continue;
    if (columns++ > 0) s_step = s - last_s;
    last_s = s;
  }
  int64_t count = 0;
  for (int64_t r = 0; columns > 0 && r < p.r; ++r) {
    if (r * p.dilation_h % p.stride_h != phase_h) continue;
    const int64_t at =
        -(r * p.dilation_h / p.stride_h) * row_floats - (last_s * p.dilation_w / p.stride_w) * pixel;
    for (int64_t plane = 0; plane < planes; ++plane)
      taps[count++] = {at + plane * plan.plane_floats, ((r * p.s + last_s) * planes + plane) * length};
  }
  return {{taps, count, length, panel}, columns, s_step * p.dilation_w / p.stride_w * pixel, -s_step * other};
}

template <class Layout>
void dgrad_as(const Plan& plan, const Conv2dDgrad<float>& a, KernelContext& context) {
  const Conv2dProblem& p = plan.p;
  const LaneGroups& lanes = plan.layout.lanes;
  const float* packed = static_cast<const float*>(context.packed);
  const int64_t planes = plan.layout.planes(), pixel = plan.layout.pixel(), steps = plan.layout.steps(p);
  const int64_t tap_floats = round_up(p.r * planes * static_cast<int64_t>(sizeof(Tap) / sizeof(float)), 16);
  const int64_t image_floats = planes * plan.plane_floats, row_floats = plan.cols * pixel;
  const size_t scratch_bytes = static_cast<size_t>(tap_floats + plan.images * image_floats) * sizeof(float);

  const GradientEpilogue gradient(p, a);

  context.parallel(plan.count() * plan.parts, [&](int64_t item, int worker) {
    const int64_t part = item % plan.parts;
    const DgradChunks::Chunk cut = plan.chunk(item / plan.parts);
    const int64_t n0 = cut.n0, images = cut.images, h0 = cut.h0, rows = cut.rows;
    float* const scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    Tap* const taps = reinterpret_cast<Tap*>(scratch);
    float* const dy = scratch + tap_floats;
    const Reach band = plan.row_reach(h0, rows);
    const PaddedWindow window{band.count, plan.cols, pixel, band.first, plan.left, 1, 1};
    RowGrid grid;
    grid.images = images;
    grid.x_image = image_floats, grid.x_row = row_floats, grid.x_col = pixel;
    grid.y_image = p.h * p.w * p.x_stride, grid.y_row = p.stride_h * p.w * p.x_stride,
    grid.y_col = p.stride_w * p.x_stride;

    const int64_t last = std::min(lanes.vectors(), (part + 1) * plan.vectors_per_part);
    for (int64_t vector = part * plan.vectors_per_part; vector < last; ++vector) {
      const typename Layout::Reader reader(lanes, vector, nullptr);
      for (int64_t image = 0; image < images; ++image)
        reader.copy(a.dy + (n0 + image) * plan.P * plan.Q * p.y_stride, plan.P, plan.Q, p.y_stride, window,
                    dy + image * image_floats, plan.plane_floats);
      TileEpilogue epilogue;
      if (!gradient.empty()) epilogue.gradient = &gradient;
      epilogue.columns = lanes.lanes(vector);
      for_phases(h0, rows, p.pad_h, p.stride_h, [&](const Phase& row) {
        for_phases(0, p.w, p.pad_w, p.stride_w, [&](const Phase& col) {
          grid.rows = row.count, grid.cols = col.count;
          const RowSum sum = sum_of(plan, row.phase, col.phase, taps, packed + vector * lanes.width * steps);
          const float* from = dy + (row.first - band.first) * row_floats + (col.first - plan.left) * pixel;
          float* to = a.dx + ((n0 * p.h + row.place) * p.w + col.place) * p.x_stride + vector * lanes.width;
          Layout::sweep(grid, from, to, sum, epilogue);
        });
      });
    }
  });
}

template <Grouping kGrouping>
void dgrad(const Conv2dProblem& p, const Conv2dDgrad<float>& a, KernelContext& context) {
  const Plan plan = plan_of<kGrouping>(p);
  with_layout<kGrouping>(plan.layout, [&](auto layout) { dgrad_as<decltype(layout)>(plan, a, context); });
}

template <Grouping kGrouping>
Implementation direct(const char* name, const char* packing) {
  return with_packing<Conv2dProblem, &packed_bytes<kGrouping>, &pack<kGrouping>>(
      implementation<Conv2dDgrad<float>, &dgrad<kGrouping>, &supports<kGrouping>>(name), packing, 1);
}

}  // namespace

Implementation conv2d_dgrad_direct_depthwise() {
  return direct<Grouping::Depthwise>("direct_depthwise", "dgrad_lanes");
}
Implementation conv2d_dgrad_direct_whole_groups() {
  return direct<Grouping::WholeGroups>("direct_whole_groups", "dgrad_groups");
}
Implementation conv2d_dgrad_direct_grouped() {
  return direct<Grouping::NarrowGroups>("direct_grouped", "dgrad_lanes");
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
