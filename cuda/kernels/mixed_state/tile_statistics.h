// Parameters of tile_statistics.cu.
#pragma once

#include "kernels/mixed_state/output_tiles.h"

inline constexpr int kTileStatistics = 64;  ///< tensors of one launch

struct TileStatistics {
  const float* partials;  ///< [tile][mean, sum of squared deviations][channel]
  float* mean;
  float* variance;
  int64_t channels;
};

struct TileStatisticsParameters {
  OutputTiles tiles;
  double rows;  ///< outputs of all tiles
  TileStatistics tensor[kTileStatistics];
};
