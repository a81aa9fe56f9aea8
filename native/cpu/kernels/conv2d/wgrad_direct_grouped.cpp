// conv2d wgrad, direct: depthwise and grouped. A vector holds neighbouring filters.
//
// df[k,r,s,c] = sum over n,p,q of x'[n,h,w,c] dy[n,p,q,k], x' the input after the prologue. Pixels are cut
// into blocks (some images, or a band of rows of one). A block by one vector of K: x' is laid out in
// zero-padded scratch (group_layouts.h), dy beside it; a tile of taps (of taps by channels, where lanes share
// a group) stays in registers over all pixels of the block and is added to a partial sum. Blocks are dealt to
// a number of partial sums that the problem fixes, added in order within one, and the partial sums as a tree.
//
// Variants: direct_depthwise (groups = C, any multiplier), direct_whole_groups (a group has as many filters
// as a vector or half of one has lanes), direct_grouped (other narrow groups).
// FLOPs: 2 N P Q K R S C / groups. Bytes: x and dy once each. Bench: npm run bench:kernel -- --kernel
// conv2d_wgrad --problem "N=16 H=32 W=32 C=32 K=32 groups=32 R=3 S=3 pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/group_layouts.h"
#include "cpu/kernels/conv2d/input_chunks.h"
#include "cpu/kernels/conv2d/partial_sums.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// Taps summed side by side: a 3x3 filter; enough chains to hide the latency of a multiply-add.
constexpr int kTapTile = 9;
/// The same where each tap has kGroupChannels channels: as many as registers allow.
constexpr int kGroupTapTile = kLanes == 16 ? 3 : 1;

/// How a problem is cut. A function of the problem only.
struct Plan : InputChunks {
  GroupLayout layout;
  int64_t plane_floats;
  int64_t parts, k_parts, vectors_per_part;
  int64_t steps() const { return layout.steps(p); }
  int64_t partial_floats() const { return layout.lanes.vectors() * layout.lanes.width * steps(); }
};

template <Grouping kGrouping>
Plan plan_of(const Conv2dProblem& given) {
  Plan plan;
  plan.layout = group_layout<kGrouping>(given.k / given.groups, given.c / given.groups, given.k);
  plan.begin(with_steps(given), true, plan.layout.pixel());
  const Conv2dProblem& p = plan.p;

  constexpr int64_t kScratchFloats = 32 * 1024, kBlockPixels = 1024, kItems = 16;
  const int64_t row_floats = plan.cols * plan.pixel * plan.layout.planes(),
                image_floats = plan.scratch_rows(plan.P) * row_floats, pixels = plan.P * plan.Q;
  if (image_floats > kScratchFloats || pixels > kBlockPixels) {
    const int64_t fit = kScratchFloats / row_floats - plan.halo() - 1;
    plan.rows = std::min(fit / plan.stride_h + 1, kBlockPixels / plan.Q);
    plan.rows = std::max(plan.rows, ceil_div(plan.halo(), plan.stride_h));
  } else {
    plan.images = std::min(kScratchFloats / image_floats, kBlockPixels / pixels);
    // Few pixels: smaller blocks, so that there are several parts.
    plan.images = std::clamp<int64_t>(p.n / kMostParts, 1, plan.images);
  }
  plan.cut_rows(plan.rows);
  plan.plane_floats = plan.scratch_rows(plan.rows) * plan.cols * plan.pixel;
  plan.parts = std::min(kMostParts, plan.count());
  const int64_t vectors = plan.layout.lanes.vectors(),
                wanted = std::clamp<int64_t>(ceil_div(kItems, plan.parts), 1, vectors);
  plan.vectors_per_part = ceil_div(vectors, wanted);
  plan.k_parts = ceil_div(vectors, plan.vectors_per_part);
  return plan;
}

template <Grouping kGrouping>
std::string supports(const Conv2dProblem& p) {
  return refuse_groups<kGrouping>(p, p.k / p.groups, p.c / p.groups);
}

template <Grouping kGrouping>
size_t workspace(const Conv2dProblem& p) {
  const Plan plan = plan_of<kGrouping>(p);
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

/// Adds M neighbouring pixels to sums of R rows and S columns of the filter. Every vector of x is loaded once
/// for all columns that meet it; `kCol` vectors between pixels, `kApart` between columns.
template <int M, int R, int S, int kCol, int kApart>
[[gnu::always_inline]] inline void add_pixels(Vec (&acc)[R][S], const float* const (&x)[R], int64_t at,
                                              const float* dy, int64_t y_col) {
  Vec gradient[M];
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
    gradient[i] = load(dy + i * y_col);
    pin(gradient[i]);
  }
  // Input t meets pixel (t - s kApart) / kCol at column s.
  constexpr int kInputs = (M - 1) * kCol + (S - 1) * kApart + 1;
#pragma GCC unroll 64
  for (int t = 0; t < kInputs; ++t) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      Vec input = load(x[r] + at + t * kLanes);
      pin(input);
#pragma GCC unroll 8
      for (int s = 0; s < S; ++s) {
        const int i = t - s * kApart;
        if (i >= 0 && i % kCol == 0 && i / kCol < M) acc[r][s] += input * gradient[i / kCol];
      }
    }
  }
}

/// sums[r][s] (+)= sum over pixels of x[pixel + rows[r] + s] * dy[pixel], lane by lane; `steps` floats
/// between columns, `row_steps` between rows of the sums.
template <int R, int S, int kCol, int kApart>
[[gnu::noinline]] void row_taps(const OuterRun& run, const float* x, const int64_t* rows, const float* dy,
                                float* sums, int64_t row_steps, int64_t steps, bool add) {
  constexpr int kPixels = kLanes == 16 ? 8 : 4;
  Vec acc[R][S] = {};
  for (int64_t image = 0; image < run.images; ++image) {
    for (int64_t row = 0; row < run.rows; ++row) {
      const float* from[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) from[r] = x + image * run.x_image + row * run.x_row + rows[r];
      const float* gradients = dy + image * run.y_image + row * run.y_row;
      int64_t col = 0, at = 0;
      for (; col + kPixels <= run.cols; col += kPixels, at += kPixels * kCol * kLanes) {
        add_pixels<kPixels, R, S, kCol, kApart>(acc, from, at, gradients, run.y_col);
        gradients += kPixels * run.y_col;
      }
      for (; col < run.cols; ++col, at += kCol * kLanes, gradients += run.y_col)
        add_pixels<1, R, S, kCol, kApart>(acc, from, at, gradients, run.y_col);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int s = 0; s < S; ++s) {
      float* to = sums + r * row_steps + s * steps;
      store(to, add ? load(to) + acc[r][s] : acc[r][s]);
    }
  }
}

/// The sums of all taps and planes (or channels) over a block, (+)= those in `sums`.
void add_block(LanesApart, const Plan& plan, const OuterRun& run, const float* x, const int64_t* taps,
               const float* dy, float* sums, bool add) {
  const Conv2dProblem& p = plan.p;
  const int64_t steps = plan.steps(), planes = plan.layout.planes();
  if (p.dilation_w == 1 && run.x_col == kLanes && (p.s == 3 || p.s == 5)) {
    // Three rows of three columns, or two of five: enough chains to hide the latency of a multiply-add.
    const int64_t most = p.s == 3 ? 3 : 2, row_floats = p.s * planes * kLanes;
    for (int64_t plane = 0; plane < planes; ++plane) {
      for (int64_t r = 0; r < p.r; r += most) {
        int64_t rows[3];
        const int64_t count = std::min(most, p.r - r);
        for (int64_t i = 0; i < count; ++i) rows[i] = taps[(r + i) * p.s * planes + plane];
        const auto tile = p.s == 5     ? (count == 2 ? &row_taps<2, 5, 1, 1> : &row_taps<1, 5, 1, 1>)
                          : count == 3 ? &row_taps<3, 3, 1, 1>
                          : count == 2 ? &row_taps<2, 3, 1, 1>
                                       : &row_taps<1, 3, 1, 1>;
        tile(run, x, rows, dy, sums + r * row_floats + plane * kLanes, row_floats, planes * kLanes, add);
      }
    }
    return;
  }
  const int64_t size = ceil_div(steps, ceil_div(steps, kTapTile));
  for (int64_t step = 0; step < steps; step += size)
    tap_tile_of(std::min(size, steps - step), run, x, taps + step, dy, sums + step * kLanes, add);
}

template <int kWidth, int T = kGroupTapTile>
void group_taps_of(int64_t count, const OuterRun& run, const float* x, const int64_t* taps, const float* dy,
                   float* sums, int64_t tap_floats, bool add) {
  if (count == T)
    group_outer_tile<kWidth, T, kGroupChannels>(run, x, taps, dy, sums, tap_floats, add);
  else if constexpr (T > 1)
    group_taps_of<kWidth, T - 1>(count, run, x, taps, dy, sums, tap_floats, add);
}

template <int kWidth>
void add_block(WholeGroups<kWidth>, const Plan& plan, const OuterRun& run, const float* x,
               const int64_t* taps, const float* dy, float* sums, bool add) {
  const int64_t channels = plan.layout.lanes.other, count = plan.p.r * plan.p.s;
  for (int64_t tap = 0; tap < count; tap += kGroupTapTile)
    for (int64_t c = 0; c < channels; c += kGroupChannels)
      group_taps_of<kWidth>(std::min<int64_t>(kGroupTapTile, count - tap), run, x + c, taps + tap, dy,
                            sums + (tap * channels + c) * kWidth, channels * kWidth, add);
}

/// dy of a block, `lanes` channels of each pixel side by side.
template <int kWidth>
void copy_lanes(const float* dy, int64_t pixel, int64_t pixels, int64_t lanes, float* to) {
  for (; pixels > 0; --pixels, dy += pixel, to += kWidth) {
    prefetch_next_vector(dy);
    if (lanes == kWidth)
      std::memcpy(to, dy, kWidth * sizeof(float));
    else
      store(to, load_first(dy, lanes));
  }
}

template <class Layout>
void wgrad_as(const Plan& plan, const Conv2dWgrad<float>& a, KernelContext& context) {
  const Conv2dProblem& p = plan.p;
  const LaneGroups& lanes = plan.layout.lanes;
  float* const partial = static_cast<float*>(context.workspace);
  const int64_t planes = plan.layout.planes(), steps = plan.steps(), part_floats = plan.partial_floats(),
                tap_count = p.r * p.s * planes;
  const int64_t tap_floats = round_up(tap_count * static_cast<int64_t>(sizeof(int64_t) / sizeof(float)), 16);
  const int64_t image_floats = planes * plan.plane_floats, row_floats = plan.cols * plan.pixel;
  const bool dy_direct = p.y_stride == lanes.width && p.k == lanes.width;
  const int64_t dy_floats = dy_direct ? 0 : plan.images * plan.rows * plan.Q * lanes.width;
  const size_t scratch_bytes =
      static_cast<size_t>(tap_floats + plan.images * image_floats + dy_floats) * sizeof(float);
  const PrologueScales scales{a.in_scale, a.in_shift, nullptr, nullptr, p.prologue == Prologue::AffineRelu};

  context.parallel(plan.parts * plan.k_parts, [&](int64_t item, int worker) {
    const int64_t part = item / plan.k_parts, k_part = item % plan.k_parts;
    float* const scratch = static_cast<float*>(context.scratch(worker, scratch_bytes));
    int64_t* const taps = reinterpret_cast<int64_t*>(scratch);
    float* const x = scratch + tap_floats;
    float* const dy_scratch = x + plan.images * image_floats;
    for (int64_t tap = 0; tap < tap_count; ++tap) {
      const int64_t plane = tap % planes, s = tap / planes % p.s, r = tap / planes / p.s;
      taps[tap] = plane * plan.plane_floats + r * p.dilation_h * row_floats + s * p.dilation_w * plan.pixel;
    }
    const BlockRange blocks = blocks_of_part(plan.count(), plan.parts, part);
    const int64_t last = std::min(lanes.vectors(), (k_part + 1) * plan.vectors_per_part);
    for (int64_t block = blocks.first; block < blocks.past; ++block) {
      const InputChunks::Chunk chunk = plan.chunk(block);
      OuterRun run;
      run.images = chunk.images, run.rows = chunk.rows, run.cols = plan.Q;
      run.x_image = image_floats, run.x_row = plan.stride_h * row_floats,
      run.x_col = plan.stride_w * plan.pixel;
      run.y_col = lanes.width, run.y_row = plan.Q * lanes.width, run.y_image = chunk.rows * run.y_row;
      const PaddedWindow window = plan.window(chunk);
      for (int64_t vector = k_part * plan.vectors_per_part; vector < last; ++vector) {
        const typename Layout::Reader reader(lanes, vector, p.prologue == Prologue::None ? nullptr : &scales);
        for (int64_t image = 0; image < chunk.images; ++image)
          reader.copy(a.x + (chunk.n0 + image) * p.h * p.w * p.x_stride, p.h, p.w, p.x_stride, window,
                      x + image * image_floats, plan.plane_floats);
        const float* dy = a.dy + plan.first_pixel(chunk) * p.y_stride + vector * lanes.width;
        if (!dy_direct) {
          // Rows of a band and whole images follow each other in dy.
          copy_lanes<Layout::kLanesOfVector>(dy, p.y_stride, chunk.images * chunk.rows * plan.Q,
                                             lanes.lanes(vector), dy_scratch);
          dy = dy_scratch;
        }
        add_block(Layout{}, plan, run, x, taps, dy,
                  partial + part * part_floats + vector * lanes.width * steps, block != blocks.first);
      }
    }
  });

  const int64_t step_blocks = ceil_div(steps, kStepBlock);
  for_ranges(context, lanes.vectors() * step_blocks, 8, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t vector = unit / step_blocks, first = unit % step_blocks * kStepBlock;
      const PartialPanel panel{partial + vector * lanes.width * steps,
                               plan.parts,
                               part_floats,
                               lanes.width,
                               lanes.lanes(vector),
                               steps};
      add_parts(panel, first, std::min(steps, first + kStepBlock), a.dfilter + vector * lanes.width * steps);
    }
  });
}

template <Grouping kGrouping>
void wgrad(const Conv2dProblem& p, const Conv2dWgrad<float>& a, KernelContext& context) {
  const Plan plan = plan_of<kGrouping>(p);
  with_layout<kGrouping>(plan.layout, [&](auto layout) { wgrad_as<decltype(layout)>(plan, a, context); });
}

template <Grouping kGrouping>
Implementation direct(const char* name) {
  return implementation<Conv2dWgrad<float>, &wgrad<kGrouping>, &supports<kGrouping>, &workspace<kGrouping>>(
      name);
}

}  // namespace

Implementation conv2d_wgrad_direct_depthwise() { return direct<Grouping::Depthwise>("direct_depthwise"); }
Implementation conv2d_wgrad_direct_whole_groups() {
  return direct<Grouping::WholeGroups>("direct_whole_groups");
}
Implementation conv2d_wgrad_direct_grouped() { return direct<Grouping::NarrowGroups>("direct_grouped"); }

}  // namespace lapidary::cpu::LAPIDARY_ISA
