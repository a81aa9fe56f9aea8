// How blocks divide a channel-last tensor [rows, channels] among them when threads keep to their channels:
// sums over the rows, and passes with parameters by channel.
//
// A block takes a *tile* of neighbouring channels and a *chunk* of neighbouring rows. Its threads lie in
// *lines*: neighbouring threads of a line take neighbouring channels (`width` each), so a line is a coalesced
// piece of a row, and the lines take the chunk's rows in turn. Few channels make many short lines that
// together are one contiguous piece; many channels make several tiles. All of it is a function of the
// extents.
#pragma once

#include <algorithm>
#include <cstdint>

/// What a kernel wants of its tiles.
struct TileWishes {
  int64_t rows_by_thread = 8;              ///< at least, before the rows are cut into chunks
  int64_t most_blocks = int64_t{1} << 30;  ///< beyond that, chunks grow instead
  int64_t most_channels = 128;             ///< of a tile; narrow ones make more blocks
  int64_t width = 4;                       ///< channels of a thread where they are a multiple of it
};

struct ColumnTiles {
  static constexpr int kThreads = 256;

  int64_t rows, channels;
  int64_t chunk, chunks;   ///< rows of a block, and how many blocks that makes
  int32_t tiles;           ///< blocks along the channels
  int32_t columns, lines;  ///< threads along the channels and along the rows
  int32_t width;           ///< channels of a thread: 4 or 1

  ColumnTiles(int64_t all_rows, int64_t all_channels, const TileWishes& wishes)
      : rows(all_rows), channels(all_channels) {
    const auto ceil_div = [](int64_t count, int64_t size) { return (count + size - 1) / size; };
    width = static_cast<int32_t>(channels % wishes.width == 0 ? wishes.width : 1);
    const int64_t all_columns = channels / width;
    // A few rows leave threads for more columns.
    const int64_t most_lines = std::min(rows, kThreads * width / wishes.most_channels);
    tiles = static_cast<int32_t>(ceil_div(all_columns, kThreads / most_lines));
    columns = static_cast<int32_t>(ceil_div(all_columns, tiles));
    lines = kThreads / columns;
    const int64_t most_chunks = std::max<int64_t>(wishes.most_blocks / tiles, 1);
    chunks = std::clamp<int64_t>(rows / (lines * wishes.rows_by_thread), 1, most_chunks);
    // Whole rounds of the lines, so that no chunk but the last has idle ones.
    chunk = ceil_div(ceil_div(rows, chunks), lines) * lines;
    chunks = ceil_div(rows, chunk);
  }

  constexpr int64_t blocks() const { return tiles * chunks; }
  /// Threads that have rows, all blocks together, for each channel: as often its parameters are loaded.
  int64_t threads_by_channel() const {
    return (chunks - 1) * lines + std::min<int64_t>(lines, rows - (chunks - 1) * chunk);
  }
};
