// Which tile shape of cuda/device/simt_tile.cuh a product takes, and its grid. Functions of the problem only.
#pragma once

#include "cuda/launch_context.h"
#include "device/tile_shape.h"

namespace lapidary::cuda {

struct TiledProduct {
  TileShape shape;
  const char* name;  ///< the suffix of the kernels of this shape
  int64_t row_tiles, column_tiles;

  int64_t tiles() const { return row_tiles * column_tiles; }
};

/// Tiles that keep a large device busy: two blocks for each of some 100 multiprocessors.
inline constexpr int64_t kBusyTiles = 216;

/// The widest tile that neither leaves more columns empty than a narrower one, nor, with `batches`
/// independent products of this size, the device without work.
inline TiledProduct tiled_product(int64_t rows, int64_t columns, int64_t batches = 1) {
  const auto made = [&](TileShape shape, const char* name) {
    return TiledProduct{shape, name, ceil_div(rows, shape.rows), ceil_div(columns, shape.columns)};
  };
  if (columns <= 16) return made(kTile128x16, "128x16");
  if (columns <= 32) return made(kTile128x32, "128x32");
  const TiledProduct wide = made(kTile128x128, "128x128"), square = made(kTile64x64, "64x64");
  const bool fills = wide.column_tiles * wide.shape.columns == square.column_tiles * square.shape.columns;
  return fills && wide.tiles() * batches >= kBusyTiles ? wide : square;
}

}  // namespace lapidary::cuda
