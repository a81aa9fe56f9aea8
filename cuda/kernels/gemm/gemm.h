// Parameters of gemm.cu.
#pragma once

#include <cstdint>

struct GemmParameters {
  const float* a;
  const float* b;
  const float* bias;  ///< null: none
  float* y;
  int64_t m, n, k;
  uint32_t column_tiles;
  bool wide_a = false, wide_b = false, wide_y = false;  ///< rows in memory are whole fours
  bool relu = false;
};
