// The tile shapes of device/simt_tile.cuh, for the device, and for the host to choose from.
#pragma once

/// Steps of the sum that pass through shared memory at once.
inline constexpr int kProductDepth = 16;

struct TileShape {
  int rows, columns;                ///< of a block
  int thread_rows, thread_columns;  ///< sums of a thread

  constexpr int down() const { return rows / thread_rows; }
  constexpr int across() const { return columns / thread_columns; }
  constexpr int threads() const { return down() * across(); }
};

// 64 sums a thread where there is enough to do; narrow ones for few filters, where 128 columns would be
// empty.
inline constexpr TileShape kTile128x128{128, 128, 8, 8};
inline constexpr TileShape kTile64x64{64, 64, 8, 4};
inline constexpr TileShape kTile128x32{128, 32, 8, 4};
inline constexpr TileShape kTile128x16{128, 16, 4, 4};
