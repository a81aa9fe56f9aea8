// Parameters of batch_norm_dgrad.cu.
#pragma once

#include "kernels/column_tiles.h"

struct BatchNormDgradParameters {
  ColumnTiles tiles;
  const float *dz, *x;
  const float* scale;
  const float* shift;                                 ///< null: no ReLU
  const float *mean, *invstd, *sum_dz, *sum_dz_xhat;  ///< null: the statistics were constants
  float* dx;
};
