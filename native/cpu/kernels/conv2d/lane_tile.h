// The micro-kernel of depthwise and narrow grouped convolution: a vector of channels of neighbouring outputs
// of a row stays in registers over the whole sum, every lane with weights of its own.
//
// A step of the sum loads one vector of weights and multiplies it by a vector of every output's input, which
// comes straight from scratch (lane_groups.h): M + 1 loads for M multiply-adds, so loads set the pace, and
// the tile is as wide as registers allow. A sum is one chain of multiply-adds in the order of the taps, the
// same in every tile.
#pragma once

#include <array>
#include <utility>

#include "cpu/kernels/register_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {

inline constexpr int kRowTile = kLanes == 16 ? 14 : 8;

/// A tile of M outputs. kCol: vectors between their inputs when known, 0: x_col floats.
template <int M, int kCol>
[[gnu::noinline]] void row_tile(const float* x, int64_t x_col, float* y, int64_t y_col, const TileSum& sum,
                                const TileEpilogue& epilogue, const float* residual) {
  Vec acc[M][1] = {};
  const int64_t step = kCol ? kCol * kLanes : x_col;
  const Tap* const taps_end = sum.taps + sum.tap_count;
  for (const Tap* tap = sum.taps; tap != taps_end; ++tap) {
    const Vec weight = load(sum.panel + tap->step * kLanes);
    const float* from = x + tap->x;
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) acc[i][0] += load(from + i * step) * weight;
  }
  if (epilogue.plain(kLanes)) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) store(y + i * y_col, acc[i][0]);
    return;
  }
  Vec sums[M][1];
  float* to[M];
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) sums[i][0] = acc[i][0], to[i] = y + i * y_col;
  finish_tile<M, 1>(sums, to, epilogue, residual);
}

using RowTile = void (*)(const float*, int64_t, float*, int64_t, const TileSum&, const TileEpilogue&,
                         const float*);

template <int kCol>
inline RowTile row_tile_of(int64_t outputs) {
  return []<int... I>(int64_t which, std::integer_sequence<int, I...>) {
    static constexpr std::array<RowTile, sizeof...(I)> kTiles{&row_tile<I + 1, kCol>...};
    return kTiles[static_cast<size_t>(which)];
  }
  (outputs - 1, std::make_integer_sequence<int, kRowTile>());
}

/// All outputs of the grid against one vector of channels; the taps have one step each.
inline void sweep_lanes(const RowGrid& given, const float* x, float* y, const TileSum& sum,
                        const TileEpilogue& epilogue) {
  const RowGrid grid = given.collapsed();
  // Tiles about equal: a row of 16 is two of 8.
  const int64_t tiles = ceil_div(grid.cols, kRowTile), size = ceil_div(grid.cols, tiles),
                rest = grid.cols - (tiles - 1) * size;
  const auto tile_of = [&](int64_t outputs) {
    return grid.x_col == kLanes       ? row_tile_of<1>(outputs)
           : grid.x_col == 2 * kLanes ? row_tile_of<2>(outputs)
                                      : row_tile_of<0>(outputs);
  };
  const RowTile tile = tile_of(size), last = tile_of(rest);
  const float* residual = epilogue.residual;
  for (int64_t image = 0; image < grid.images; ++image) {
    for (int64_t row = 0; row < grid.rows; ++row) {
      const float* from = x + image * grid.x_image + row * grid.x_row;
      float* to = y + image * grid.y_image + row * grid.y_row;
      for (int64_t at = 1; at <= tiles; ++at) {
        const int64_t outputs = at < tiles ? size : rest;
        (at < tiles ? tile : last)(from, grid.x_col, to, grid.y_col, sum, epilogue, residual);
        from += outputs * grid.x_col, to += outputs * grid.y_col;
        if (residual) residual += outputs * epilogue.residual_row;
      }
    }
  }
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
