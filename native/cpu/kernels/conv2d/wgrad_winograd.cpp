// conv2d wgrad, Winograd: dense 3x3 filters, stride 1. The adjoint of F(M x M, 3 x 3), M = 2 or 4:
//
//     dU[f] = sum over tiles of (A dy A^T)[f] (B^T x' B)[f]^T,   df = G^T dU G,
//
// x' the input after the prologue, f one of the (M + 2)^2 frequencies (winograd.h). Tiles of M x M outputs
// are one list over all images, cut into blocks. A block's x' and dy are transformed, a vector of channels at
// a time: x' into panels of C, dy into vectors of K. Then for every frequency a tile of filters x C lanes
// stays in registers over the block and is added to a dU. Its lanes are channels, as in df, so nothing is
// transposed.
//
// Two splits of the work, by the size of dU. Small (C = K <= 32): parts of the tiles, whose number the
// problem fixes, have a dU each, added as a tree at the end; a block and dU stay in L2. Large: all workers
// transform a chunk of blocks into workspace, then share out the *slabs* of one dU (kSlab filters x a panel
// of channels, all frequencies); of the last chunk a slab is turned into filters while it is in L2, and when
// there is but one chunk dU is never in memory. There a sum is one chain over the blocks in order.
//
// Variants: winograd_f4x3, winograd_f2x3. FLOPs: 2 T (M + 2)^2 C K for T tiles, 36 / 144 (M = 4) or 16 / 36
// of the direct sum's, and the transforms. Bytes: x and dy once; large: the transformed tiles besides, 2.25
// (4) times x and dy, written once, read again for every slab (x') and every panel (dy). Largest error /
// largest value for N(0, 1) data, N = 32 to 128, 16 to 512 channels: M = 4 1.2e-6, M = 2 and implicit_gemm
// 4e-7. Bench: npm run bench:kernel -- --kernel conv2d_wgrad --problem "N=128 H=16 W=16 C=32 K=32 R=3 S=3
// pad_h=1 pad_w=1"
#include "cpu/kernels/conv2d/partial_sums.h"
#include "cpu/kernels/conv2d/winograd_choice.h"
#include "cpu/kernels/register_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// Filters of a slab of dU: all frequencies of it and of a panel of channels stay in L2.
constexpr int64_t kSlab = 32;

/// How a problem is cut. A function of the problem only.
template <int M>
struct Plan {
  static constexpr int64_t kTile = Winograd<M>::kTile, kFrequencies = Winograd<M>::kFrequencies;
  static constexpr int64_t kPrivateFloats = 48 * 1024;      ///< of a dU that stays in L2 beside a block
  static constexpr int64_t kChunkFloats = 2 * 1024 * 1024;  ///< of transformed blocks that stay in L3

  Conv2dProblem p;
  int64_t P, Q;
  int64_t tile_rows, tile_cols, tiles;
  int64_t block, blocks;  ///< tiles of a block; blocks
  bool shared;            ///< the work is split over slabs of dU, not over tiles
  int64_t parts;          ///< partial sums (of tiles), when it is split over tiles
  int64_t chunk, chunks;  ///< blocks that are transformed before they are multiplied, when it is shared

  int64_t panels() const { return panel_count(p.c); }
  int64_t k_vectors() const { return ceil_div(p.k, kLanes); }
  int64_t c_vectors() const { return ceil_div(p.c, kLanes); }
  int64_t slabs() const { return panels() * ceil_div(p.k, kSlab); }
  // Frequencies are a cache line more than a power of two apart.
  int64_t x_frequency() const { return frequency_stride(round_up(p.c, kLanes) * block); }
  int64_t dy_frequency() const { return frequency_stride(round_up(p.k, kLanes) * block); }
  int64_t x_floats() const { return kFrequencies * x_frequency(); }
  int64_t block_floats() const { return x_floats() + kFrequencies * dy_frequency(); }
  int64_t sums_floats() const { return kFrequencies * p.k * round_up(p.c, kLanes); }
  int64_t tiles_of(int64_t index) const { return std::min(block, tiles - index * block); }

  explicit Plan(const Conv2dProblem& given) : p(given) {
    p.x_stride = given.x_pixel(), p.y_stride = given.y_pixel();
    P = p.p(), Q = p.q();
    tile_rows = ceil_div(P, M), tile_cols = ceil_div(Q, M);
    tiles = p.n * tile_rows * tile_cols;
    shared = sums_floats() > kPrivateFloats;
    block = shared ? 64 : 48;
    // Few tiles: smaller blocks, so that there are several parts.
    if (!shared) block = std::clamp<int64_t>(tiles / kMostParts, 8, block);
    block = std::min(block, tiles);
    blocks = ceil_div(tiles, block);
    parts = std::min(kMostParts, blocks);
    chunks = ceil_div(blocks, std::max<int64_t>(kChunkFloats / block_floats(), 1));
    chunk = ceil_div(blocks, chunks);
  }

  size_t workspace() const {
    const int64_t floats =
        shared ? chunk * block_floats() + (chunks > 1 ? sums_floats() : 0) : parts * sums_floats();
    return static_cast<size_t>(floats) * sizeof(float);
  }
};

/// Images seen as windows, one a tile.
struct TiledImages {
  const float* data;
  int64_t h, w, channels, pixel;
  int64_t pad_h, pad_w;
  const float *scale = nullptr, *shift = nullptr;
  bool relu = false;
};

/// Where the rows (or columns) of a window lie, and which exist; the others repeat the nearest.
template <int kSize>
struct WindowAxis {
  int64_t offset[kSize];
  int32_t mask[kSize];
  bool inside;

  WindowAxis(int64_t first, int64_t extent, int64_t step) : inside(first >= 0 && first + kSize <= extent) {
    for (int64_t i = 0; i < kSize; ++i) {
      const int64_t at = std::clamp<int64_t>(first + i, 0, extent - 1);
      offset[i] = at * step;
      mask[i] = at == first + i ? -1 : 0;
    }
  }
};

/// Transforms the channels c .. c + lanes - 1 of the tiles first .. first + count - 1; tile t's frequency f
/// goes to to[f * frequency + t * step].
template <int M, class X, bool kAffine, class Lanes>
[[gnu::noinline]] void transform_tiles(const Plan<M>& plan, const TiledImages& from, int64_t c, Lanes lanes,
                                       int64_t first, int64_t count, float* to, int64_t step,
                                       int64_t frequency) {
  Vec scale{}, shift{};
  if constexpr (kAffine) scale = load_lanes(from.scale + c, lanes), shift = load_lanes(from.shift + c, lanes);
  const Vec floor = broadcast(relu_floor(from.relu));
  const auto read = [&](const float* at) {
    const Vec v = load_lanes(at, lanes);
    if constexpr (kAffine)
      return at_least(v * scale + shift, floor);
    else
      return v;
  };
  const int64_t pixel = from.pixel, row_floats = from.w * pixel;
  int64_t col = first % plan.tile_cols, row = first / plan.tile_cols % plan.tile_rows,
          image = first / plan.tile_cols / plan.tile_rows;
  for (int64_t tile = 0; tile < count; ++tile, to += step) {
    const WindowAxis<X::kFrom> rows(row * M - from.pad_h, from.h, row_floats);
    const WindowAxis<X::kFrom> cols(col * M - from.pad_w, from.w, pixel);
    const float* const start = from.data + image * from.h * row_floats + c;
    const auto write = [&](int i, int j, Vec v) { store(to + (i * X::kTo + j) * frequency, v); };
    if (rows.inside && cols.inside) {
      const float* const window = start + rows.offset[0] + cols.offset[0];
      transform_tile<X>([&](int i, int j) { return read(window + i * row_floats + j * pixel); }, write);
    } else {
      transform_tile<X>(
          [&](int i, int j) {
            const IntVec bits = reinterpret_cast<IntVec>(read(start + rows.offset[i] + cols.offset[j]));
            return reinterpret_cast<Vec>(bits & (rows.mask[i] & cols.mask[j]));
          },
          write);
    }
    if (++col == plan.tile_cols) {
      col = 0;
      if (++row == plan.tile_rows) row = 0, ++image;
    }
  }
}

template <int M>
struct Operation {
  const Plan<M> plan;
  const Conv2dWgrad<float>& a;
  const TiledImages x, dy;

  Operation(const Conv2dProblem& given, const Conv2dWgrad<float>& operands)
      : plan(given),
        a(operands),
        x{a.x,          plan.p.h,     plan.p.w,   plan.p.c,   plan.p.x_stride,
          plan.p.pad_h, plan.p.pad_w, a.in_scale, a.in_shift, plan.p.prologue == Prologue::AffineRelu},
        dy{a.dy, plan.P, plan.Q, plan.p.k, plan.p.y_stride, 0, 0} {}

  /// Transforms vector `vector` of the channels of x, then of dy, of one block of tiles.
  void transform_block(int64_t index, int64_t vector, float* to) const {
    if (vector < plan.c_vectors()) {
      const int64_t panel = vector / kTileVecs;
      to += panel * kPanel * plan.block + vector % kTileVecs * kLanes;
      with_flag(plan.p.prologue != Prologue::None, [&](auto affine) {
        transform_vector<typename Winograd<M>::Input, affine>(
            x, vector, index, to, panel_width(plan.p.c, panel), plan.x_frequency());
      });
    } else {
      vector -= plan.c_vectors();
      transform_vector<typename Winograd<M>::OutputAdjoint, false>(
          dy, vector, index, to + plan.x_floats() + vector * kLanes * plan.block, kLanes,
          plan.dy_frequency());
    }
  }

  template <class X, bool kAffine>
  void transform_vector(const TiledImages& from, int64_t vector, int64_t index, float* to, int64_t step,
                        int64_t frequency) const {
    const int64_t c = vector * kLanes, first = index * plan.block;
    for_vectors(c, std::min(c + kLanes, from.channels), [&](int64_t, auto lanes) {
      transform_tiles<M, X, kAffine>(plan, from, c, lanes, first, plan.tiles_of(index), to, step, frequency);
    });
  }

  /// dU of one slab, [frequency][filter][channel] (+)= the products of a transformed block.
  void multiply(const float* block, int64_t count, int64_t slab, float* sums, bool add) const {
    const int64_t panel = slab % plan.panels(), width = panel_width(plan.p.c, panel);
    const int64_t k0 = slab / plan.panels() * kSlab, rows = std::min(kSlab, plan.p.k - k0);
    OuterRun run;
    run.cols = count, run.x_col = kLanes, run.y_col = width;
    for (int64_t f = 0; f < plan.kFrequencies; ++f) {
      const float* const v = block + f * plan.x_frequency() + panel * kPanel * plan.block;
      for (int64_t k = 0; k < rows; k += kLanes) {
        const float* const d = block + plan.x_floats() + f * plan.dy_frequency() + (k0 + k) * plan.block;
        const int64_t height = std::min<int64_t>(kLanes, rows - k), size = outer_rows(height);
        for (int64_t i = 0; i < height; i += size)
          accumulate_outer(run, d + i, std::min(size, height - i), v, width,
                           sums + (f * rows + k + i) * width, add);
      }
    }
  }

  /// Where a slab lies in a whole dU.
  int64_t slab_at(int64_t slab) const {
    const int64_t panel = slab % plan.panels(), k0 = slab / plan.panels() * kSlab;
    const int64_t rows = std::min(kSlab, plan.p.k - k0);
    return plan.kFrequencies * (k0 * round_up(plan.p.c, kLanes) + panel * kPanel * rows);
  }

  /// dW = G^T dU G of one slab's filter `row`, dU the sum over `parts` partial sums as a tree.
  void finish(int64_t slab, int64_t row, const float* sums, int64_t parts) const {
    const int64_t panel = slab % plan.panels(), width = panel_width(plan.p.c, panel);
    const int64_t k0 = slab / plan.panels() * kSlab, rows = std::min(kSlab, plan.p.k - k0);
    const int64_t c0 = panel * kPanel, count = std::min<int64_t>(kPanel, plan.p.c - c0);
    float* const to = a.dfilter + (k0 + row) * 9 * plan.p.c + c0;
    for_vectors(0, count, [&](int64_t c, auto lanes) {
      transform_tile<typename Winograd<M>::FilterAdjoint>(
          [&](int i, int j) {
            const float* const from = sums + ((i * plan.kTile + j) * rows + row) * width + c;
            return tree_sum(from, parts, plan.sums_floats());
          },
          [&](int r, int s, Vec v) { store(to + (r * 3 + s) * plan.p.c + c, v, lanes); });
    });
  }

  /// Each part of the tiles has a dU of its own.
  void split_tiles(KernelContext& context) const {
    float* const partial = static_cast<float*>(context.workspace);
    const size_t scratch_bytes = static_cast<size_t>(plan.block_floats()) * sizeof(float);
    const int64_t vectors = plan.c_vectors() + plan.k_vectors();
    context.parallel(plan.parts, [&](int64_t part, int worker) {
      float* const block = static_cast<float*>(context.scratch(worker, scratch_bytes));
      const int64_t begin = part * plan.blocks / plan.parts, end = (part + 1) * plan.blocks / plan.parts;
      for (int64_t index = begin; index < end; ++index) {
        for (int64_t vector = 0; vector < vectors; ++vector) transform_block(index, vector, block);
        for (int64_t slab = 0; slab < plan.slabs(); ++slab)
          multiply(block, plan.tiles_of(index), slab, partial + part * plan.sums_floats() + slab_at(slab),
                   index != begin);
      }
    });
    for_ranges(context, plan.p.k * plan.panels(), 4, [&](int64_t begin, int64_t end, int64_t, int) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t k = unit / plan.panels(), slab = k / kSlab * plan.panels() + unit % plan.panels();
        finish(slab, k % kSlab, partial + slab_at(slab), plan.parts);
      }
    });
  }

  /// All threads transform a chunk of tiles, then share the slabs of the one dU.
  void split_slabs(KernelContext& context) const {
    float* const transformed = static_cast<float*>(context.workspace);
    float* const whole = transformed + plan.chunk * plan.block_floats();
    const size_t scratch_bytes = static_cast<size_t>(plan.kFrequencies * kSlab * kPanel) * sizeof(float);
    const int64_t vectors = plan.c_vectors() + plan.k_vectors();
    for (int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
      const int64_t first = chunk * plan.chunk, count = std::min(plan.chunk, plan.blocks - first);
      context.parallel(count * vectors, [&](int64_t item, int) {
        transform_block(first + item / vectors, item % vectors,
                        transformed + item / vectors * plan.block_floats());
      });
      context.parallel(plan.slabs(), [&](int64_t slab, int worker) {
        float* const sums = plan.chunks > 1 ? whole + slab_at(slab)
                                            : static_cast<float*>(context.scratch(worker, scratch_bytes));
        for (int64_t index = 0; index < count; ++index)
          multiply(transformed + index * plan.block_floats(), plan.tiles_of(first + index), slab, sums,
                   chunk > 0 || index > 0);
        if (chunk + 1 < plan.chunks) return;
        const int64_t rows = std::min(kSlab, plan.p.k - slab / plan.panels() * kSlab);
        for (int64_t row = 0; row < rows; ++row) finish(slab, row, sums, 1);
      });
    }
  }
};

template <int M>
void wgrad(const Conv2dProblem& p, const Conv2dWgrad<float>& a, KernelContext& context) {
  const Operation<M> operation(p, a);
  if (operation.plan.shared)
    operation.split_slabs(context);
  else
    operation.split_tiles(context);
}

template <int M>
size_t workspace(const Conv2dProblem& p) {
  return Plan<M>(p).workspace();
}

// What an implementation costs, in multiply-adds of vectors: fitted to times of AVX-512 on Zen 4 (2 cores)
// for N = 1 to 128, 1 to 512 channels, images of 1 to 32 pixels; most within a third.

double implicit_gemm_cost(const Conv2dProblem& p) {
  const auto filters = static_cast<double>(9 * p.c * ceil_div(p.k, kLanes));
  return filters * (1.2 * static_cast<double>(p.n * p.p() * p.q()) + 56);
}

template <int M>
double winograd_cost(const Conv2dProblem& p) {
  constexpr double kTransform = M == 4 ? 250 : 80, kStart = 5e4;
  const int64_t c_vectors = ceil_div(p.c, kLanes), vectors = c_vectors + ceil_div(p.k, kLanes);
  const auto tiles = static_cast<double>(p.n * ceil_div(p.p(), M) * ceil_div(p.q(), M));
  const auto products = static_cast<double>(Winograd<M>::kFrequencies * p.k * c_vectors);
  return tiles * (1.5 * products + kTransform * static_cast<double>(vectors)) + 12 * products + kStart;
}

template <int M>
std::string refuse(const Conv2dProblem& p) {
  if (std::string reason = refuse_geometry<M>(p); !reason.empty()) return reason;
  const double cost = winograd_cost<M>(p);
  if (cost > 0.9 * implicit_gemm_cost(p)) return "implicit_gemm is cheaper: few channels or few pixels";
  if (M == 4 && cost > winograd_cost<2>(p)) return "F(2x2) is cheaper: the images hold few whole tiles";
  return {};
}

}  // namespace

Implementation conv2d_wgrad_winograd_f2x3() {
  return implementation<Conv2dWgrad<float>, &wgrad<2>, &refuse<2>, &workspace<2>>("winograd_f2x3");
}
Implementation conv2d_wgrad_winograd_f4x3() {
  return implementation<Conv2dWgrad<float>, &wgrad<4>, &refuse<4>, &workspace<4>>("winograd_f4x3");
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
