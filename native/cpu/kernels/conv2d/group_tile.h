// The micro-kernels of grouped convolution where a group's channels fill a vector, or half of one: as in the
// register tile a step of the sum multiplies a vector of weights by one scalar of every output's input.
//
// The group's input lies by itself in scratch (group_layouts.h), so outputs of a row are a constant distance
// apart: one pointer serves a tile, and it is as tall as registers allow, which a single vector of columns
// needs: M + 1 loads for M multiply-adds. Half vectors waste nothing where a whole one takes two cycles (Zen
// 4), and are no slower than laid-out lanes elsewhere. A sum is one chain of multiply-adds in the order of
// the taps, the same in every tile.
#pragma once

#include <array>
#include <type_traits>
#include <utility>

#include "cpu/kernels/conv2d/row_sweep.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// Lanes of the narrowest vector that is worth its instructions.
inline constexpr int kLeastLanes = kLanes == 16 ? 8 : kLanes;
typedef float NarrowVec __attribute__((vector_size(LAPIDARY_VLEN == 16 ? 32 : LAPIDARY_VLEN * 4)));
template <int kWidth>
using VecOf = std::conditional_t<kWidth == kLanes, Vec, NarrowVec>;

template <class V>
static inline V load_as(const float* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// The same lanes, the others 0.
template <class V>
static inline Vec widened(V v) {
  Vec wide{};
  std::memcpy(&wide, &v, sizeof v);
  return wide;
}

/// Channels of the other side come in multiples of this.
inline constexpr int64_t kGroupChannels = 8;
inline constexpr int kGroupTile = kLanes == 16 ? 16 : kLanes == 8 ? 12 : 8;

template <int kWidth, int M>
static inline void finish_group(const VecOf<kWidth> (&acc)[M], float* y, int64_t y_col,
                                const TileEpilogue& epilogue, const float* residual) {
  if (epilogue.plain(kWidth)) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) std::memcpy(y + i * y_col, &acc[i], sizeof acc[i]);
    return;
  }
  Vec sums[M][1];
  float* to[M];
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) sums[i][0] = widened(acc[i]), to[i] = y + i * y_col;
  finish_tile<M, 1>(sums, to, epilogue, residual);
}

/// A tile of M outputs, a column of the filter at a time. kCol: floats between their inputs when known, 0:
/// x_col.
template <int kWidth, int M, int kCol>
[[gnu::noinline]] void group_column_tile(const float* x, int64_t x_col, float* y, int64_t y_col,
                                         const RowSum& sum, const TileEpilogue& epilogue,
                                         const float* residual) {
  using V = VecOf<kWidth>;
  V acc[M] = {};
  const int64_t step = kCol ? kCol : x_col, length = sum.length;
  const Tap* const taps_end = sum.taps + sum.tap_count;
  for (const Tap* tap = sum.taps; tap != taps_end; ++tap) {
    for (int64_t column = 0; column < sum.columns; ++column) {
      const float* from = x + tap->x + column * sum.x_column;
      const float* weights = sum.panel + (tap->step + column * sum.step_column) * kWidth;
#pragma GCC unroll 4
      for (int64_t at = 0; at < length; ++at, ++from, weights += kWidth) {
        const V weight = load_as<V>(weights);
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) acc[i] += from[i * step] * weight;
      }
    }
  }
  finish_group<kWidth, M>(acc, y, y_col, epilogue, residual);
}

/// A tile of M outputs, a channel of a row of the filter at a time: pixels of kGroupChannels floats, kStride
/// pixels between outputs, three columns side by side.
template <int kWidth, int M, int kStride>
[[gnu::noinline]] void group_row_tile(const float* x, int64_t, float* y, int64_t y_col, const RowSum& sum,
                                      const TileEpilogue& epilogue, const float* residual) {
  using V = VecOf<kWidth>;
  V acc[M] = {};
  const int64_t step_column = sum.step_column * kWidth;
  const Tap* const taps_end = sum.taps + sum.tap_count;
  for (const Tap* tap = sum.taps; tap != taps_end; ++tap) {
    const float *from = x + tap->x, *weights = sum.panel + tap->step * kWidth;
    for (int64_t at = 0; at < kGroupChannels; ++at, ++from, weights += kWidth) {
      V weight[3];
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s) weight[s] = load_as<V>(weights + s * step_column);
      // Input t meets output (t - s) / kStride at column s.
      constexpr int kInputs = (M - 1) * kStride + 3;
#pragma GCC unroll 64
      for (int t = 0; t < kInputs; ++t) {
        V input = from[t * kGroupChannels] - V{};
        pin(input);
#pragma GCC unroll 3
        for (int s = 0; s < 3; ++s)
          if (t >= s && (t - s) % kStride == 0 && (t - s) / kStride < M)
            acc[(t - s) / kStride] += input * weight[s];
      }
    }
  }
  finish_group<kWidth, M>(acc, y, y_col, epilogue, residual);
}

template <int kWidth, int kCol>
inline RowTile group_column_tile_of(int64_t outputs) {
  return []<int... I>(int64_t which, std::integer_sequence<int, I...>) {
    static constexpr std::array<RowTile, sizeof...(I)> kTiles{&group_column_tile<kWidth, I + 1, kCol>...};
    return kTiles[static_cast<size_t>(which)];
  }
  (outputs - 1, std::make_integer_sequence<int, kGroupTile>());
}
template <int kWidth, int kStride>
inline RowTile group_row_tile_of(int64_t outputs) {
  return []<int... I>(int64_t which, std::integer_sequence<int, I...>) {
    static constexpr std::array<RowTile, sizeof...(I)> kTiles{&group_row_tile<kWidth, I + 1, kStride>...};
    return kTiles[static_cast<size_t>(which)];
  }
  (outputs - 1, std::make_integer_sequence<int, kGroupTile>());
}

/// All outputs of the grid against one vector of channels of a group.
template <int kWidth>
inline void sweep_group(const RowGrid& grid, const float* x, float* y, const RowSum& sum,
                        const TileEpilogue& epilogue) {
  const bool rows = sum.columns == 3 && sum.x_column == kGroupChannels && sum.length == kGroupChannels;
  sweep_rows(grid, x, y, sum, epilogue, kGroupTile, [&](int64_t outputs) {
    return rows && grid.x_col == 8    ? group_row_tile_of<kWidth, 1>(outputs)
           : rows && grid.x_col == 16 ? group_row_tile_of<kWidth, 2>(outputs)
           : grid.x_col == 8          ? group_column_tile_of<kWidth, 8>(outputs)
           : grid.x_col == 16         ? group_column_tile_of<kWidth, 16>(outputs)
           : grid.x_col == 32         ? group_column_tile_of<kWidth, 32>(outputs)
                                      : group_column_tile_of<kWidth, 0>(outputs);
  });
}

/// sums[t][c][lane] (+)= sum over pixels of x[pixel + taps[t]][c] * dy[pixel][lane] for T taps and C
/// channels.
template <int kWidth, int T, int C>
[[gnu::noinline]] void group_outer_tile(const OuterRun& run, const float* x, const int64_t* taps,
                                        const float* dy, float* sums, int64_t tap_floats, bool add) {
  using V = VecOf<kWidth>;
  V acc[T][C] = {};
  const int64_t x_col = run.x_col, y_col = run.y_col;
  for (int64_t image = 0; image < run.images; ++image) {
    for (int64_t row = 0; row < run.rows; ++row) {
      const float* from[T];
#pragma GCC unroll 16
      for (int t = 0; t < T; ++t) from[t] = x + image * run.x_image + row * run.x_row + taps[t];
      const float* gradients = dy + image * run.y_image + row * run.y_row;
      for (int64_t col = 0, at = 0; col < run.cols; ++col, at += x_col, gradients += y_col) {
        const V gradient = load_as<V>(gradients);
#pragma GCC unroll 16
        for (int t = 0; t < T; ++t) {
#pragma GCC unroll 16
          for (int c = 0; c < C; ++c) acc[t][c] += from[t][at + c] * gradient;
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      float* at = sums + t * tap_floats + c * kWidth;
      const V sum = add ? load_as<V>(at) + acc[t][c] : acc[t][c];
      std::memcpy(at, &sum, sizeof sum);
    }
  }
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
