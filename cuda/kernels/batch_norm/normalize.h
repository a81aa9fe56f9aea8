// Parameters of normalize.cu.
#pragma once

#include "kernels/column_tiles.h"

struct NormalizeParameters {
  ColumnTiles tiles;
  const float *a, *a_scale, *a_shift;  ///< null scale and shift: a as it is
  const float *b, *b_scale, *b_shift;  ///< null b: no addend
  float* y;
  bool a_relu, b_relu, relu;
};
