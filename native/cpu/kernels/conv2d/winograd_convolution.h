// Winograd convolution of stride 1, which fprop and dgrad (the same with the filter flipped and transposed)
// share.
//
// The tiles of all images are one list, cut into chunks of blocks. For each block: (a) the input transform, a
// vector of channels at a time, straight from x with the prologue; what a tile reads beyond the image is
// masked to zero; (b) for each panel of output channels one small matrix product [tile][C] x [C][panel] for
// every frequency; (c) the output transform with the epilogue. Everything between x and y stays in L2. Each
// sum is one chain over C in order and belongs to one tile, whatever block that lies in: bits depend neither
// on the batch nor on the blocks. Statistics are merged tile by tile, block by block, chunk by chunk, in
// order.
#pragma once

#include "cpu/kernels/conv2d/chunk_statistics.h"
#include "cpu/kernels/conv2d/gradient_epilogue.h"
#include "cpu/kernels/conv2d/padded_image.h"
#include "cpu/kernels/conv2d/winograd.h"
#include "cpu/kernels/register_tile.h"
#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// y[n,p,q,k] = sum over r,s,c of x[n,p+r-pad_h,q+s-pad_w,c] u[r,s,c,k]; pixels lie in_pixel and out_pixel
/// floats apart.
struct WinogradShape {
  int64_t n, h, w, c;  ///< of the input
  int64_t p, q, k;     ///< of the output
  int64_t pad_h, pad_w, in_pixel, out_pixel;

  static WinogradShape fprop(const Conv2dProblem& p) {
    return {p.n, p.h, p.w, p.c, p.p(), p.q(), p.k, p.pad_h, p.pad_w, p.x_pixel(), p.y_pixel()};
  }
  static WinogradShape dgrad(const Conv2dProblem& p) {
    return {p.n, p.p(), p.q(), p.k, p.h, p.w, p.c, 2 - p.pad_h, 2 - p.pad_w, p.y_pixel(), p.x_pixel()};
  }
};

/// What the output transform does besides.
enum class WinogradEpilogue { None, Fprop, Gradient };

/// What is applied on the way; absent pointers: nothing.
struct WinogradOperands {
  const float* x;
  const float* filter;  ///< packed by pack_winograd
  float* y;
  const float *in_scale = nullptr, *in_shift = nullptr;
  bool in_relu = false;
  const float *out_scale = nullptr, *bias = nullptr, *residual = nullptr;
  bool relu = false;
  float ceiling = std::numeric_limits<float>::infinity();
  float* partial = nullptr;                    ///< statistics of the chunks
  const GradientEpilogue* gradient = nullptr;  ///< of dgrad, in place of the epilogue above

  WinogradEpilogue epilogue() const {
    if (gradient) return WinogradEpilogue::Gradient;
    const bool plain =
        !out_scale && !bias && !residual && !relu && ceiling == std::numeric_limits<float>::infinity();
    return plain ? WinogradEpilogue::None : WinogradEpilogue::Fprop;
  }
};

/// How a problem is cut. A function of the problem only.
struct WinogradPlan {
  int64_t outputs;     ///< of a tile, each way
  int64_t rows, cols;  ///< of tiles, in an image
  int64_t p, q;
  int64_t tiles;          ///< in all
  int64_t block, blocks;  ///< tiles a block; blocks a chunk
  int64_t chunks;
  int64_t panels, panels_per_part, k_parts;
  int64_t in_row;  ///< floats between neighbouring tiles of a transformed input

  int64_t chunk_tiles() const { return block * blocks; }
  int64_t count() const { return chunks; }
  /// Outputs of the first `tile` tiles.
  int64_t pixels_before(int64_t tile) const {
    const int64_t image = tile / (rows * cols), row = tile / cols % rows, col = tile % cols;
    const int64_t top = std::min(row * outputs, p), height = std::min(top + outputs, p) - top;
    return (image * p + top) * q + height * std::min(col * outputs, q);
  }
  /// Outputs of a chunk, for merge_chunks.
  int64_t pixels(int64_t chunk) const {
    return pixels_before(std::min(tiles, (chunk + 1) * chunk_tiles())) - pixels_before(chunk * chunk_tiles());
  }
};

/// The part of a plan that does not depend on how it is cut.
template <int M>
WinogradPlan tile_grid(const WinogradShape& s) {
  WinogradPlan plan{};
  plan.outputs = M, plan.p = s.p, plan.q = s.q;
  plan.rows = ceil_div(s.p, M), plan.cols = ceil_div(s.q, M);
  plan.tiles = s.n * plan.rows * plan.cols;
  plan.panels = panel_count(s.k);
  plan.in_row = spread_pixel(round_up(s.c, kLanes));
  return plan;
}

template <int M>
WinogradPlan winograd_plan(const WinogradShape& s) {
  constexpr int64_t kFrequencies = Winograd<M>::kFrequencies;
  constexpr int64_t kItems = 16, kMostChunks = 64, kBlockFloats = 64 * 1024;
  WinogradPlan plan = tile_grid<M>(s);
  const int64_t most =
      std::clamp<int64_t>(kBlockFloats / (kFrequencies * plan.in_row) / kTileRows, 2, 8) * kTileRows;
  const int64_t wanted = round_up(ceil_div(plan.tiles, kItems), kTileRows);
  plan.block = std::clamp<int64_t>(wanted, std::min<int64_t>(most, 2 * kTileRows), most);
  const int64_t all = ceil_div(plan.tiles, plan.block);
  plan.blocks = ceil_div(all, kMostChunks);
  plan.chunks = ceil_div(all, plan.blocks);
  const int64_t parts = std::clamp<int64_t>(ceil_div(kItems, plan.chunks), 1, plan.panels);
  plan.panels_per_part = ceil_div(plan.panels, parts);
  plan.k_parts = ceil_div(plan.panels, plan.panels_per_part);
  return plan;
}

// ---------------------------------------------------------------------------------------------------------
// The filter: [panel of K][frequency][c][K lanes].

inline constexpr int64_t kFilterBlock = 16;  // channels transformed at a time

template <int M>
int64_t winograd_panel_floats(int64_t channels, int64_t width) {
  return Winograd<M>::kFrequencies * frequency_stride(channels * width);
}

template <int M>
size_t transformed_filter_bytes(const WinogradShape& s) {
  const int64_t last = panel_count(s.k) - 1;
  return static_cast<size_t>(last * winograd_panel_floats<M>(s.c, kPanel) +
                             winograd_panel_floats<M>(s.c, panel_width(s.k, last))) *
         sizeof(float);
}

inline constexpr int64_t kTapFloats = 9 * kFilterBlock * kPanel;

/// Transforms the filter of `count` (at most kFilterBlock) input channels from c0 on and a panel of `width`
/// output channels. fetch(tap, c0, count, panel, width, taps) lays out taps[c][K lane] of a tap r * 3 + s;
/// `taps` has room for kTapFloats. `to`: their place in the first frequency.
template <int M, class Fetch>
void transform_filter(const Fetch& fetch, int64_t c0, int64_t count, int64_t panel, int64_t width,
                      float* taps, float* to, int64_t stride) {
  const int64_t floats = count * width;
  for (int64_t tap = 0; tap < 9; ++tap) fetch(tap, c0, count, panel, width, taps + tap * floats);
  for (int64_t i = 0; i < floats; i += kLanes)
    transform_tile<typename Winograd<M>::Filter>(
        [&](int r, int col) { return load(taps + (r * 3 + col) * floats + i); },
        [&](int r, int col, Vec v) { store(to + (r * Winograd<M>::kTile + col) * stride + i, v); });
}

/// The whole filter, transformed.
template <int M, class Fetch>
void pack_winograd(const WinogradShape& s, float* packed, KernelContext& context, const Fetch& fetch) {
  const int64_t blocks = ceil_div(s.c, kFilterBlock);
  for_ranges(context, panel_count(s.k) * blocks, 1, [&](int64_t begin, int64_t end, int64_t, int worker) {
    float* const taps = static_cast<float*>(context.scratch(worker, kTapFloats * sizeof(float)));
    for (int64_t at = begin; at < end; ++at) {
      const int64_t panel = at / blocks, c0 = at % blocks * kFilterBlock, width = panel_width(s.k, panel);
      transform_filter<M>(fetch, c0, std::min(kFilterBlock, s.c - c0), panel, width, taps,
                          packed + panel * winograd_panel_floats<M>(s.c, kPanel) + c0 * width,
                          frequency_stride(s.c * width));
    }
  });
}

// ---------------------------------------------------------------------------------------------------------
// (a) Input transform.

static inline Vec load_lanes(const float* p, Full) { return load(p); }
static inline Vec load_lanes(const float* p, int64_t lanes) {
  Vec v[1];
  load_columns<1>(p, v, lanes);
  return v[0];
}

/// One after another the tiles of a plan.
struct TileCursor {
  int64_t rows, cols;  ///< of tiles, in an image
  int64_t image, row, col;
  TileCursor(const WinogradPlan& plan, int64_t tile)
      : rows(plan.rows),
        cols(plan.cols),
        image(tile / (rows * cols)),
        row(tile / cols % rows),
        col(tile % cols) {}
  void next() {
    if (++col < cols) return;
    col = 0;
    if (++row < rows) return;
    row = 0, ++image;
  }
};

/// Where the inputs of a tile lie. Those beyond the image stand for its nearest ones and are masked.
template <int M>
struct TileWindow {
  static constexpr int kTile = Winograd<M>::kTile;
  const float* row[kTile];
  int64_t col[kTile];
  int32_t row_mask[kTile], col_mask[kTile];
  bool inside;

  TileWindow(const WinogradShape& s, const float* x, const TileCursor& at) {
    const int64_t top = at.row * M - s.pad_h, left = at.col * M - s.pad_w, row_floats = s.w * s.in_pixel;
    const float* const image = x + at.image * s.h * row_floats;
    inside = top >= 0 && left >= 0 && top + kTile <= s.h && left + kTile <= s.w;
    for (int64_t i = 0; i < kTile; ++i) {
      const int64_t h = std::clamp<int64_t>(top + i, 0, s.h - 1),
                    w = std::clamp<int64_t>(left + i, 0, s.w - 1);
      row[i] = image + h * row_floats, row_mask[i] = -(h == top + i);
      col[i] = w * s.in_pixel, col_mask[i] = -(w == left + i);
    }
  }
};

/// One tile and vector of channels from `c` on. `to`: its place in the first frequency.
template <int M, bool Affine, bool Inside, class Lanes>
[[gnu::always_inline]] inline void transform_lanes(const TileWindow<M>& window, const WinogradOperands& a,
                                                   int64_t c, Lanes lanes, float* to, int64_t stride) {
  constexpr int kTile = Winograd<M>::kTile;
  Vec scale{}, shift{}, floor{};
  if constexpr (Affine) {
    scale = load_lanes(a.in_scale + c, lanes), shift = load_lanes(a.in_shift + c, lanes);
    floor = broadcast(relu_floor(a.in_relu));
  }
  transform_tile<typename Winograd<M>::Input>(
      [=, &window](int i, int j) {
        Vec v = load_lanes(window.row[i] + window.col[j] + c, lanes);
        if constexpr (Affine) v = at_least(v * scale + shift, floor);
        if constexpr (!Inside)
          v = reinterpret_cast<Vec>(reinterpret_cast<IntVec>(v) & window.row_mask[i] & window.col_mask[j]);
        return v;
      },
      [=](int i, int j, Vec v) { store(to + (i * kTile + j) * stride, v); });
}

/// `count` tiles, all channels, into rows of the frequencies' matrices.
template <int M, bool Affine>
void transform_input(const WinogradShape& s, const WinogradOperands& a, TileCursor at, int64_t count,
                     float* to, int64_t row, int64_t stride) {
  for (int64_t i = 0; i < count; ++i, to += row, at.next()) {
    const TileWindow<M> window(s, a.x, at);
    for_vectors(0, s.c, [&](int64_t c, auto lanes) {
      if (window.inside)
        transform_lanes<M, Affine, true>(window, a, c, lanes, to + c, stride);
      else
        transform_lanes<M, Affine, false>(window, a, c, lanes, to + c, stride);
    });
  }
}

// ---------------------------------------------------------------------------------------------------------
// (b) The products.

/// y[i][0..V) = sum over steps of x[i][step] panel[step][0..V), i < Rows.
template <int Rows, int V>
[[gnu::always_inline]] inline void product_tile(const float* x, int64_t x_row, const float* panel,
                                                int64_t steps, float* y) {
  Vec sum[Rows][V] = {};
#pragma GCC unroll 4
  for (int64_t step = 0; step < steps; ++step) {
    Vec weight[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) weight[v] = load(panel + (step * V + v) * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Vec scalar = broadcast(x[i * x_row + step]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[i][v] += scalar * weight[v];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(y + (i * V + v) * kLanes, sum[i][v]);
  }
}

template <int V, int Rows = kTileRows - 1>
[[gnu::noinline]] void product_rest(int64_t rows, const float* x, int64_t x_row, const float* panel,
                                    int64_t steps, float* y) {
  if (rows == Rows)
    product_tile<Rows, V>(x, x_row, panel, steps, y);
  else if constexpr (Rows > 1)
    product_rest<V, Rows - 1>(rows, x, x_row, panel, steps, y);
}

template <int V>
[[gnu::noinline]] void product_rows(int64_t rows, const float* x, int64_t x_row, const float* panel,
                                    int64_t steps, float* y) {
  int64_t i = 0;
  for (; i + kTileRows <= rows; i += kTileRows)
    product_tile<kTileRows, V>(x + i * x_row, x_row, panel, steps, y + i * V * kLanes);
  if (i < rows) product_rest<V>(rows - i, x + i * x_row, x_row, panel, steps, y + i * V * kLanes);
}

/// A matrix product with a panel of `width` columns.
inline void product(int64_t width, int64_t rows, const float* x, int64_t x_row, const float* panel,
                    int64_t steps, float* y) {
  if (width == kPanel)
    product_rows<kTileVecs>(rows, x, x_row, panel, steps, y);
  else
    product_rows<1>(rows, x, x_row, panel, steps, y);
}

// ---------------------------------------------------------------------------------------------------------
// (c) Output transform.

/// Calls body with the kind as a type.
template <class Body>
inline void with_epilogue(WinogradEpilogue kind, Body&& body) {
  using enum WinogradEpilogue;
  if (kind == None)
    body(std::integral_constant<WinogradEpilogue, None>{});
  else if (kind == Fprop)
    body(std::integral_constant<WinogradEpilogue, Fprop>{});
  else
    body(std::integral_constant<WinogradEpilogue, Gradient>{});
}

/// One tile and vector of channels from `k` on. `sums`: its values of the first frequency.
template <int M, WinogradEpilogue kEpilogue, class Lanes>
[[gnu::always_inline]] inline void transform_sums(const WinogradShape& s, const WinogradOperands& a,
                                                  const float* sums, int64_t stride, const TileCursor& at,
                                                  int64_t k, Lanes lanes, PanelStatistics* statistics) {
  constexpr int kTile = Winograd<M>::kTile;
  Vec value[M * M][1];
  transform_tile<typename Winograd<M>::Output>(
      [=](int i, int j) { return load(sums + (i * kTile + j) * stride); },
      [&](int i, int j, Vec v) { value[i * M + j][0] = v; });
  const int64_t pixel = (at.image * s.p + at.row * M) * s.q + at.col * M, q = s.q;
  const int64_t out_pixel = s.out_pixel, residual_pixel = s.k;
  float* const y = a.y + pixel * out_pixel + k;
  const float* const residual = a.residual ? a.residual + pixel * residual_pixel + k : nullptr;
  constexpr bool kFprop = kEpilogue == WinogradEpilogue::Fprop;
  const Vec scale = kFprop && a.out_scale ? load_lanes(a.out_scale + k, lanes) : broadcast(1.0f);
  Vec bias{};
  if (kFprop && a.bias) bias = load_lanes(a.bias + k, lanes);
  const Vec floor = broadcast(relu_floor(a.relu)), ceiling = broadcast(a.ceiling);
  const auto finish = [=, gradient = a.gradient](int64_t i, int64_t j, Vec sum) {
    Vec v[1] = {sum};
    float* const to = y + (i * q + j) * out_pixel;
    if constexpr (kEpilogue == WinogradEpilogue::Gradient) v[0] = gradient->finished(v[0], to, lanes);
    if constexpr (kFprop) {
      v[0] = v[0] * scale + bias;
      if (residual) v[0] += load_lanes(residual + (i * q + j) * residual_pixel, lanes);
      v[0] = at_most(at_least(v[0], floor), ceiling);
    }
    if constexpr (std::is_same_v<Lanes, Full>)
      store(to, v[0]);
    else
      store_columns<1>(to, v, lanes);
  };
  const int64_t rows = std::min<int64_t>(M, s.p - at.row * M), cols = std::min<int64_t>(M, q - at.col * M);
  if (rows == M && cols == M) {
    if (statistics) merge_statistics<M * M, 1>(*statistics, value, M * M);
#pragma GCC unroll 16
    for (int i = 0; i < M * M; ++i) finish(i / M, i % M, value[i][0]);
    return;
  }
  Vec there[M * M][1] = {};
  int valid = 0;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) {
      there[valid++][0] = value[i * M + j][0];
      finish(i, j, value[i * M + j][0]);
    }
  if (statistics) merge_statistics<M * M, 1>(*statistics, there, valid);
}

/// `count` tiles of a panel of `width` channels from k0 on. `statistics`: of its vectors, or null.
template <int M>
void transform_output(const WinogradShape& s, const WinogradOperands& a, TileCursor at, int64_t count,
                      const float* sums, int64_t width, int64_t stride, int64_t k0,
                      PanelStatistics* statistics) {
  with_epilogue(a.epilogue(), [&](auto epilogue) {
    for (int64_t i = 0; i < count; ++i, sums += width, at.next())
      for_vectors(0, std::min(width, s.k - k0), [&](int64_t k, auto lanes) {
        transform_sums<M, epilogue.value>(s, a, sums + k, stride, at, k0 + k, lanes,
                                          statistics ? statistics + k / kLanes : nullptr);
      });
  });
}

/// Of the channels `begin` to `end`, a vector each, into a chunk's part of `partial`.
inline void store_statistics(const WinogradShape& s, const PanelStatistics* statistics, int64_t begin,
                             int64_t end, float* partial) {
  for (int64_t k = begin; k < end; k += kLanes, ++statistics) {
    store(partial + k, statistics->mean[0]);
    store(partial + statistics_floats(s.k) + k, statistics->m2[0]);
  }
}

// ---------------------------------------------------------------------------------------------------------

/// Part `part` of `parts` of `floats` floats, on their way into L2 while the products keep the processor
/// busy. An address beyond the tensor does no harm.
inline void prefetch_part(const float* from, int64_t floats, int64_t part, int64_t parts) {
  const char* const bytes = reinterpret_cast<const char*>(from);
  const int64_t lines = floats / 16;
  for (int64_t line = lines * part / parts; line < lines * (part + 1) / parts; ++line)
    __builtin_prefetch(bytes + line * 64, 0, 2);
}

template <int M>
void block_by_block(const WinogradShape& s, const WinogradOperands& a, KernelContext& context) {
  constexpr int kFrequencies = Winograd<M>::kFrequencies;
  const WinogradPlan plan = winograd_plan<M>(s);
  const int64_t in_stride = frequency_stride(plan.block * plan.in_row),
                out_stride = frequency_stride(plan.block * kPanel);
  const size_t statistics_bytes =
      round_up(static_cast<int64_t>(sizeof(PanelStatistics)) * kTileVecs * plan.panels_per_part, 64);
  const size_t scratch_bytes =
      statistics_bytes + static_cast<size_t>(kFrequencies * (in_stride + out_stride)) * sizeof(float);

  context.parallel(plan.chunks * plan.k_parts, [&](int64_t item, int worker) {
    const int64_t chunk = item / plan.k_parts, part = item % plan.k_parts;
    const int64_t first_panel = part * plan.panels_per_part,
                  last_panel = std::min(plan.panels, first_panel + plan.panels_per_part);
    char* const scratch = static_cast<char*>(context.scratch(worker, scratch_bytes));
    PanelStatistics* const statistics = reinterpret_cast<PanelStatistics*>(scratch);
    float* const in = reinterpret_cast<float*>(scratch + statistics_bytes);
    float* const out = in + kFrequencies * in_stride;
    if (a.partial) std::memset(scratch, 0, statistics_bytes);

    const int64_t end = std::min(plan.tiles, (chunk + 1) * plan.chunk_tiles());
    for (int64_t first = chunk * plan.chunk_tiles(); first < end; first += plan.block) {
      const int64_t tiles = std::min(plan.block, end - first);
      const TileCursor at(plan, first), next(plan, first + tiles);
      const int64_t block_pixels = tiles * M * M;
      const float* const block_y = a.y + (at.image * s.p + at.row * M) * s.q * s.out_pixel;
      const int64_t block_at = block_y - a.y;
      const float* const block_addend =
          a.gradient && a.gradient->addend ? a.gradient->addend + block_at : nullptr;
      const float* const block_rectified =
          a.gradient && a.gradient->rectified ? a.gradient->rectified + block_at : nullptr;
      const float* const next_x = a.x + (next.image * s.h + next.row * M) * s.w * s.in_pixel;
      if (a.in_scale)
        transform_input<M, true>(s, a, at, tiles, in, plan.in_row, in_stride);
      else
        transform_input<M, false>(s, a, at, tiles, in, plan.in_row, in_stride);
      for (int64_t panel = first_panel; panel < last_panel; ++panel) {
        const int64_t width = panel_width(s.k, panel), filter_stride = frequency_stride(s.c * width);
        const float* const filter = a.filter + panel * winograd_panel_floats<M>(s.c, kPanel);
        for (int64_t f = 0; f < kFrequencies; ++f) {
          if (panel == first_panel) {  // what the output transform writes, and the next input transform reads
            for (const float* from : {block_y, block_addend, block_rectified})
              if (from) prefetch_part(from, block_pixels * s.out_pixel, f, kFrequencies);
            if (first + tiles < end) prefetch_part(next_x, block_pixels * s.in_pixel, f, kFrequencies);
          }
          product(width, tiles, in + f * in_stride, plan.in_row, filter + f * filter_stride, s.c,
                  out + f * out_stride);
        }
        PanelStatistics* const running = a.partial ? statistics + (panel - first_panel) * kTileVecs : nullptr;
        transform_output<M>(s, a, at, tiles, out, width, out_stride, panel * kPanel, running);
      }
    }
    if (a.partial)
      store_statistics(s, statistics, first_panel * kPanel, std::min(s.k, last_panel * kPanel),
                       a.partial + chunk * 2 * statistics_floats(s.k));
  });
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
