// Tiles of neighbouring outputs of a row, one vector of channels each, swept over all rows of a chunk.
#pragma once

#include "cpu/kernels/register_tile.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// Keeps a loaded vector in its register: GCC would rather load it again for every multiply-add that uses it,
/// and then loads set the pace.
template <class V>
static inline void pin(V& v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__x86_64__)
  asm("" : "+x"(v));
#else
  static_cast<void>(v);
#endif
}

/// A sum whose taps are rows of the filter, each of `columns` taps that lie `x_column` floats apart in x and
/// `step_column` steps in the panel.
struct RowSum : TileSum {
  int64_t columns, x_column, step_column;
};

/// A tile: x, floats between its outputs' inputs, y, floats between its outputs, the sum, epilogue, residual.
using RowTile = void (*)(const float*, int64_t, float*, int64_t, const RowSum&, const TileEpilogue&,
                         const float*);

/// `tile_of(outputs)` gives the tile of 1 to `most` outputs.
template <class TileOf>
inline void sweep_rows(const RowGrid& given, const float* x, float* y, const RowSum& sum,
                       const TileEpilogue& epilogue, int64_t most, const TileOf& tile_of) {
  const RowGrid grid = given.collapsed();
  // Tiles about equal: a row of 16 is two of 8 where at most 14 fit.
  const int64_t tiles = ceil_div(grid.cols, most), size = ceil_div(grid.cols, tiles),
                rest = grid.cols - (tiles - 1) * size;
  const RowTile tile = tile_of(size), last = tile_of(rest);
  const bool apart = grid.y_col > kLanes;  // no hardware prefetcher fetches such outputs
  const float* residual = epilogue.residual;
  for (int64_t image = 0; image < grid.images; ++image) {
    for (int64_t row = 0; row < grid.rows; ++row) {
      const float* from = x + image * grid.x_image + row * grid.x_row;
      float* to = y + image * grid.y_image + row * grid.y_row;
      for (int64_t at = 1; at <= tiles; ++at) {
        const int64_t outputs = at < tiles ? size : rest;
        if (apart)
          for (int64_t i = 0; i < outputs; ++i) __builtin_prefetch(to + i * grid.y_col, 1);
        (at < tiles ? tile : last)(from, grid.x_col, to, grid.y_col, sum, epilogue, residual);
        from += outputs * grid.x_col, to += outputs * grid.y_col;
        if (residual) residual += outputs * epilogue.residual_row;
      }
    }
  }
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
