// Host side of tile_statistics.cu: means and variances of outputs that were computed in tiles.
#pragma once

#include <algorithm>
#include <span>

#include "cuda/launch_context.h"
#include "kernels/mixed_state/tile_statistics.h"

namespace lapidary::cuda {

/// Launches what is needed for any number of tensors.
inline void merge_tile_statistics(LaunchContext& context, const OutputTiles& tiles,
                                  std::span<const TileStatistics> tensors) {
  TileStatisticsParameters parameters{tiles, static_cast<double>(tiles.outputs()), {}};
  for (size_t first = 0; first < tensors.size(); first += kTileStatistics) {
    const auto piece = tensors.subspan(first, std::min<size_t>(kTileStatistics, tensors.size() - first));
    int64_t channels = 0;
    for (const TileStatistics& each : piece) channels = std::max(channels, each.channels);
    std::copy(piece.begin(), piece.end(), parameters.tensor);
    context.launch({"tile_statistics", "tile_statistics"},
                   {ceil_div(channels, 32), static_cast<int64_t>(piece.size())}, {256}, parameters);
  }
}

/// Bytes of the statistics of one tensor: partial ones written and read, and the results.
inline double tile_statistics_traffic(const OutputTiles& tiles, int64_t channels) {
  return static_cast<double>((5 * tiles.count + 2) * channels) * sizeof(float);
}

}  // namespace lapidary::cuda
