// Parameters of batch_norm_reduce.cu.
#pragma once

#include "kernels/column_tiles.h"

struct BatchNormReduceParameters {
  ColumnTiles tiles;
  const float *dz, *x;
  const float *scale, *shift;  ///< null: no ReLU
  const float *mean, *invstd;
  float* partials;  ///< [chunk][sum][channel]; unused when there is one chunk
  float *sum_dz, *sum_dz_xhat;
};

/// The last level: its tiles' rows are the chunks.
struct BatchNormSumParameters {
  ColumnTiles tiles;
  const float* partials;
  float *sum_dz, *sum_dz_xhat;
};
