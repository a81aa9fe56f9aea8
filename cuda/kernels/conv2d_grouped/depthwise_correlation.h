// Parameters of depthwise_correlation.cu.
#pragma once

#include "kernels/conv2d_grouped/correlation.h"

struct DepthwiseCorrelation {
  Correlation correlation;
  int32_t tile_rows, tile_columns;  ///< outputs a block; columns in strips of kDepthwiseStrip
  int32_t tile_floats;              ///< of shared memory, before the filter's
};

/// Neighbouring outputs of a row that one thread computes.
inline constexpr int32_t kDepthwiseStrip = 4;
