// The micro-kernel of depthwise and narrow grouped convolution: a vector of channels of neighbouring outputs
// of a row stays in registers over the whole sum, every lane with weights of its own.
//
// A row of the filter is one step: its weights stay in registers, and every vector of input (from scratch,
// lane_groups.h) is loaded once for all outputs and columns of the filter that it meets: M + S - 1 loads for
// M S multiply-adds. Filters of other widths go column by column, M + 1 loads for M multiply-adds. A sum is
// one chain of multiply-adds in the order of the taps and then of the columns, the same in every tile.
#pragma once

#include <array>
#include <utility>

#include "cpu/kernels/conv2d/row_sweep.h"

namespace lapidary::cpu::LAPIDARY_ISA {

inline constexpr int kRowTile = kLanes == 16 ? 14 : 8;

template <int M>
static inline void finish_row(const Vec (&acc)[M], float* y, int64_t y_col, const TileEpilogue& epilogue,
                              const float* residual) {
  if (epilogue.plain(kLanes)) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) store(y + i * y_col, acc[i]);
    return;
  }
  Vec sums[M][1];
  float* to[M];
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) sums[i][0] = acc[i], to[i] = y + i * y_col;
  finish_tile<M, 1>(sums, to, epilogue, residual);
}

/// A tile of M outputs, a column of the filter at a time.
template <int M>
[[gnu::noinline]] void column_tile(const float* x, int64_t x_col, float* y, int64_t y_col, const RowSum& sum,
                                   const TileEpilogue& epilogue, const float* residual) {
  Vec acc[M] = {};
  const Tap* const taps_end = sum.taps + sum.tap_count;
  for (const Tap* tap = sum.taps; tap != taps_end; ++tap) {
    const float *from = x + tap->x, *weights = sum.panel + tap->step * kLanes;
    for (int64_t column = 0; column < sum.columns; ++column) {
      const Vec weight = load(weights);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) acc[i] += load(from + i * x_col) * weight;
      from += sum.x_column, weights += sum.step_column * kLanes;
    }
  }
  finish_row<M>(acc, y, y_col, epilogue, residual);
}

/// A tile of M outputs, `kCol` vectors between their inputs and `kApart` between those of the S columns of
/// the filter.
template <int M, int S, int kCol, int kApart>
[[gnu::noinline]] void row_tile(const float* x, int64_t, float* y, int64_t y_col, const RowSum& sum,
                                const TileEpilogue& epilogue, const float* residual) {
  Vec acc[M] = {};
  const Tap* const taps_end = sum.taps + sum.tap_count;
  for (const Tap* tap = sum.taps; tap != taps_end; ++tap) {
    const float *const from = x + tap->x, *const weights = sum.panel + tap->step * kLanes;
    Vec weight[S];
#pragma GCC unroll 8
    for (int s = 0; s < S; ++s) weight[s] = load(weights + s * sum.step_column * kLanes);
    // Input t meets output (t - s kApart) / kCol at column s.
    constexpr int kInputs = (M - 1) * kCol + (S - 1) * kApart + 1;
#pragma GCC unroll 64
    for (int t = 0; t < kInputs; ++t) {
      Vec input = load(from + t * kLanes);
      pin(input);
#pragma GCC unroll 8
      for (int s = 0; s < S; ++s) {
        const int at = t - s * kApart;
        if (at >= 0 && at % kCol == 0 && at / kCol < M) acc[at / kCol] += input * weight[s];
      }
    }
  }
  finish_row<M>(acc, y, y_col, epilogue, residual);
}

template <int S, int kCol, int kApart>
inline RowTile row_tile_of(int64_t outputs) {
  return []<int... I>(int64_t which, std::integer_sequence<int, I...>) {
    static constexpr std::array<RowTile, sizeof...(I)> kTiles{&row_tile<I + 1, S, kCol, kApart>...};
    return kTiles[static_cast<size_t>(which)];
  }
  (outputs - 1, std::make_integer_sequence<int, kRowTile>());
}
inline RowTile column_tile_of(int64_t outputs) {
  return []<int... I>(int64_t which, std::integer_sequence<int, I...>) {
    static constexpr std::array<RowTile, sizeof...(I)> kTiles{&column_tile<I + 1>...};
    return kTiles[static_cast<size_t>(which)];
  }
  (outputs - 1, std::make_integer_sequence<int, kRowTile>());
}

/// All outputs of the grid against one vector of channels; the taps have one step each.
inline void sweep_lanes(const RowGrid& grid, const float* x, float* y, const RowSum& sum,
                        const TileEpilogue& epilogue) {
  const auto fits = [&](int64_t columns, int64_t col, int64_t apart) {
    return sum.columns == columns && grid.x_col == col * kLanes && sum.x_column == apart * kLanes;
  };
  sweep_rows(grid, x, y, sum, epilogue, kRowTile, [&](int64_t outputs) {
    return fits(3, 1, 1)   ? row_tile_of<3, 1, 1>(outputs)
           : fits(3, 2, 1) ? row_tile_of<3, 2, 1>(outputs)
           : fits(3, 1, 2) ? row_tile_of<3, 1, 2>(outputs)
           : fits(5, 1, 1) ? row_tile_of<5, 1, 1>(outputs)
           : fits(5, 2, 1) ? row_tile_of<5, 2, 1>(outputs)
           : fits(5, 1, 2) ? row_tile_of<5, 1, 2>(outputs)
           : fits(2, 1, 1) ? row_tile_of<2, 1, 1>(outputs)
                           : column_tile_of(outputs);
  });
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
