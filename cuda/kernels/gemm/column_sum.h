// Parameters of column_sum.cu.
#pragma once

#include <cstdint>

inline constexpr int kColumnSumThreads = 256;

struct ColumnSumParameters {
  const float* x;
  float* y;  ///< [chunks, columns]
  int64_t rows, columns;
  int64_t chunk_rows;
  int64_t column_blocks;
  int32_t across;  ///< threads side by side: a power of two of at most 32
  bool wide;       ///< a thread has four columns; columns is a multiple of 4
};
