// How a block of threads lies over a matrix [rows, channels] whose columns have constants of their own: a
// panel of at most 128 channels, whose vectors are taken by neighbouring threads, and as many rows at a time
// as there are threads for. A thread stays at its channels.
#pragma once

#include <cstdint>

inline constexpr int kPanelThreads = 256, kPanelChannels = 128;

struct ChannelPanels {
  int64_t rows, channels, panels;
  int vectors;    ///< of a panel; the last panel may have fewer
  int row_lanes;  ///< rows at a time

  /// `vector`: 4 where it divides the channels, else 1.
  constexpr ChannelPanels(int64_t rows, int64_t channels, int vector)
      : rows(rows),
        channels(channels),
        panels((channels + kPanelChannels - 1) / kPanelChannels),
        vectors(static_cast<int>((channels < kPanelChannels ? channels : kPanelChannels) / vector)),
        row_lanes(kPanelThreads / vectors) {}

  constexpr int64_t row_blocks(int64_t rows_of_block) const {
    return (rows + rows_of_block - 1) / rows_of_block;
  }
};
constexpr int vector_of(int64_t channels) { return channels % 4 == 0 ? 4 : 1; }
