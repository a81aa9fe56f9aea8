// conv2d wgrad, direct: depthwise, and groups narrower than a vector. A vector holds neighbouring filters.
//
// df[k,r,s,c] = sum over n,p,q of x'[n,h,w,c] dy[n,p,q,k], x' the input after the prologue. Pixels are cut
// into blocks (some images, or a band of rows of one). A block by one vector of K: x' is laid out lane by
// lane in zero-padded scratch (lane_groups.h), dy beside it; a tile of up to kTapTile taps stays in registers
// over all pixels of the block and is added to a partial sum. Blocks are dealt to a number of partial sums
// that the problem fixes, added in order within one, and the partial sums as a tree.
//
// Variants: direct_depthwise (groups = C, any multiplier), direct_grouped (other narrow groups).
// FLOPs: 2 N P Q K R S C / groups. Bytes: x and dy once each. Bench: npm run bench:kernel -- --kernel
// conv2d_wgrad --problem "N=16 H=32 W=32 C=32 K=32 groups=32 R=3 S=3 pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/lane_groups.h"
#include "cpu/kernels/conv2d/partial_sums.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// Taps summed side by side: a 3x3 filter; enough chains to hide the latency of a multiply-add.
constexpr int kTapTile = 9;

/// How a problem is cut. A function of the problem only.
struct Plan {
  Conv2dProblem p;
  int64_t P, Q;
  LaneGroups lanes;
  int64_t row_step = 1, col_step = 1;  ///< input pixels between neighbouring scratch pixels
  int64_t stride_h, stride_w;          ///< in scratch pixels
  int64_t cols, plane_floats;          ///< of scratch
  int64_t images, rows, bands, blocks;
  int64_t parts, k_parts, vectors_per_part;
  int64_t steps() const { return p.r * p.s * lanes.other; }
  int64_t scratch_rows(int64_t out) const { return (out - 1) * stride_h + p.dilation_h * (p.r - 1) + 1; }
  int64_t partial_floats() const { return lanes.vectors() * kLanes * steps(); }
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

  constexpr int64_t kScratchFloats = 32 * 1024, kBlockPixels = 1024, kItems = 16;
  const int64_t row_floats = plan.cols * kLanes * plan.lanes.other,
                image_floats = plan.scratch_rows(plan.P) * row_floats, pixels = plan.P * plan.Q;
  plan.rows = plan.P, plan.images = 1;
  if (image_floats > kScratchFloats || pixels > kBlockPixels) {
    const int64_t halo = p.dilation_h * (p.r - 1), fit = kScratchFloats / row_floats - halo - 1;
    plan.rows = std::min(fit / plan.stride_h + 1, kBlockPixels / plan.Q);
    plan.rows = std::max(plan.rows, ceil_div(halo, plan.stride_h));
  } else {
    plan.images = std::min(kScratchFloats / image_floats, kBlockPixels / pixels);
    // Few pixels: smaller blocks, so that there are several parts.
    plan.images = std::clamp<int64_t>(p.n / kMostParts, 1, plan.images);
  }
  plan.rows = std::clamp<int64_t>(plan.rows, 1, plan.P);
  plan.bands = ceil_div(plan.P, plan.rows);
  plan.rows = ceil_div(plan.P, plan.bands);
  plan.bands = ceil_div(plan.P, plan.rows);
  plan.plane_floats = plan.scratch_rows(plan.rows) * plan.cols * kLanes;
  plan.blocks = ceil_div(p.n, plan.images) * plan.bands;
  plan.parts = std::min(kMostParts, plan.blocks);
  const int64_t vectors = plan.lanes.vectors(),
                wanted = std::clamp<int64_t>(ceil_div(kItems, plan.parts), 1, vectors);
  plan.vectors_per_part = ceil_div(vectors, wanted);
  plan.k_parts = ceil_div(vectors, plan.vectors_per_part);
  return plan;
}

std::string refuse(const Conv2dProblem& p) { return refuse_lanes(p, p.k / p.groups, p.c / p.groups); }

size_t workspace(const Conv2dProblem& p) {
  const Plan plan = plan_of(p);
  return static_cast<size_t>(plan.parts * plan.partial_floats()) * sizeof(float);
}

/// sums[tap] (+)= sum over pixels of x[pixel + taps[tap]] * dy[pixel], lane by lane.
template <int T>
[[gnu::noinline]] void tap_tile(const OuterRun& run, const float* x, const int64_t* taps, const float* dy,
                                float* sums, bool add) {
  Vec acc[T] = {};
  const int64_t x_col = run.x_col, y_col = run.y_col;
  for (int64_t image = 0; image < run.images; ++image) {
    for (int64_t row = 0; row < run.rows; ++row) {
      const float* from[T];
#pragma GCC unroll 16
      for (int t = 0; t < T; ++t) from[t] = x + image * run.x_image + row * run.x_row + taps[t];
      const float* gradients = dy + image * run.y_image + row * run.y_row;
      for (int64_t col = 0, at = 0; col < run.cols; ++col, at += x_col, gradients += y_col) {
        const Vec gradient = load(gradients);
#pragma GCC unroll 16
        for (int t = 0; t < T; ++t) acc[t] += load(from[t] + at) * gradient;
      }
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) {
    float* at = sums + t * kLanes;
    store(at, add ? load(at) + acc[t] : acc[t]);
  }
}

template <int T = kTapTile>
void tap_tile_of(int64_t count, const OuterRun& run, const float* x, const int64_t* taps, const float* dy,
                 float* sums, bool add) {
  if (count == T)
    tap_tile<T>(run, x, taps, dy, sums, add);
  else if constexpr (T > 1)
    tap_tile_of<T - 1>(count, run, x, taps, dy, sums, add);
}

void wgrad(const Conv2dProblem& given, const Conv2dWgrad<float>& a, KernelContext& context) {
  const Plan plan = plan_of(given);
  const Conv2dProblem& p = plan.p;
  float* const partial = static_cast<float*>(context.workspace);
  const int64_t planes = plan.lanes.other, steps = plan.steps(), part_floats = plan.partial_floats();
  const int64_t tap_floats = round_up(steps * static_cast<int64_t>(sizeof(int64_t) / sizeof(float)), 16);
  const int64_t image_floats = planes * plan.plane_floats, row_floats = plan.cols * kLanes;
  const bool dy_direct = p.y_stride == kLanes && p.k == kLanes;
  const int64_t dy_floats = dy_direct ? 0 : plan.images * plan.rows * plan.Q * kLanes;
  const size_t scratch_bytes =
      static_cast<size_t>(tap_floats + plan.images * image_floats + dy_floats) * sizeof(float);
  const PrologueScales scales{a.in_scale, a.in_shift, nullptr, nullptr, p.prologue == Prologue::AffineRelu};

  context.parallel(plan.parts * plan.k_parts, [&](int64_t item, int worker) {
    const int64_t part = item / plan.k_parts, k_part = item % plan.k_parts;
    float* const scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    int64_t* const taps = reinterpret_cast<int64_t*>(scratch);
    float* const x = scratch + tap_floats;
    float* const dy_scratch = x + plan.images * image_floats;
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t plane = step % planes, s = step / planes % p.s, r = step / planes / p.s;
      taps[step] = plane * plan.plane_floats + r * p.dilation_h * row_floats + s * p.dilation_w * kLanes;
    }
    // Part i takes an even share of the blocks, the rest going to the first ones.
    const int64_t share = plan.blocks / plan.parts, rest = plan.blocks % plan.parts;
    const int64_t first_block = part * share + std::min(part, rest), blocks = share + (part < rest);
    const int64_t last = std::min(plan.lanes.vectors(), (k_part + 1) * plan.vectors_per_part);
    for (int64_t block = first_block; block < first_block + blocks; ++block) {
      const int64_t n0 = block / plan.bands * plan.images, images = std::min(plan.images, p.n - n0);
      const int64_t p0 = block % plan.bands * plan.rows, rows = std::min(plan.rows, plan.P - p0);
      OuterRun run;
      run.images = images, run.rows = rows, run.cols = plan.Q;
      run.x_image = image_floats, run.x_row = plan.stride_h * row_floats, run.x_col = plan.stride_w * kLanes;
      run.y_col = kLanes, run.y_row = plan.Q * kLanes, run.y_image = rows * run.y_row;
      const PaddedWindow window{
          plan.scratch_rows(rows), plan.cols,    kLanes, p0 * p.stride_h - p.pad_h, -p.pad_w,
          plan.row_step,           plan.col_step};
      for (int64_t vector = k_part * plan.vectors_per_part; vector < last; ++vector) {
        const LaneReader reader(plan.lanes, vector, p.prologue == Prologue::None ? nullptr : &scales);
        for (int64_t image = 0; image < images; ++image)
          reader.copy(a.x + (n0 + image) * p.h * p.w * p.x_stride, p.h, p.w, p.x_stride, window,
                      x + image * image_floats, plan.plane_floats);
        const float* dy = a.dy + (n0 * plan.P + p0) * plan.Q * p.y_stride + vector * kLanes;
        if (!dy_direct) {
          // Rows of a band and whole images follow each other in dy.
          const int64_t lanes = plan.lanes.lanes(vector);
          float* to = dy_scratch;
          for (int64_t pixel = images * rows * plan.Q; pixel > 0; --pixel, dy += p.y_stride, to += kLanes)
            store(to, load_first(dy, lanes));
          dy = dy_scratch;
        }
        float* const sums = partial + part * part_floats + vector * kLanes * steps;
        const int64_t size = ceil_div(steps, ceil_div(steps, kTapTile));
        for (int64_t step = 0; step < steps; step += size)
          tap_tile_of(std::min(size, steps - step), run, x, taps + step, dy, sums + step * kLanes,
                      block != first_block);
      }
    }
  });

  const int64_t step_blocks = ceil_div(steps, kStepBlock);
  for_ranges(context, plan.lanes.vectors() * step_blocks, 8, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t vector = unit / step_blocks, first = unit % step_blocks * kStepBlock;
      const PartialPanel panel{partial + vector * kLanes * steps, plan.parts, part_floats, kLanes,
                               plan.lanes.lanes(vector),          steps};
      add_parts(panel, first, std::min(steps, first + kStepBlock), a.dfilter + vector * kLanes * steps);
    }
  });
}

template <auto Supports>
Implementation direct(const char* name) {
  return implementation<Conv2dWgrad<float>, &wgrad, Supports, &workspace>(name);
}

}  // namespace

Implementation conv2d_wgrad_direct_depthwise() {
  return direct<&supports_depthwise<&refuse>>("direct_depthwise");
}
Implementation conv2d_wgrad_direct_grouped() { return direct<&supports_grouped<&refuse>>("direct_grouped"); }

}  // namespace lapidary::cpu::LAPIDARY_ISA
