// Parameters of batch_norm_statistics.cu.
#pragma once

#include "kernels/column_tiles.h"

struct BatchNormStatisticsParameters {
  ColumnTiles tiles;  ///< of x
  const float* x;
  float* partials;  ///< [chunk][mean, M2][channel], about x's first row; unused when there is one chunk
  float* mean;
  float* variance;
};

/// The last level: its tiles' rows are the chunks of `of_x`.
struct BatchNormMergeParameters {
  ColumnTiles tiles, of_x;
  const float* x;
  const float* partials;
  float* mean;
  float* variance;
};
