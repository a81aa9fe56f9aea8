// Parameters of reduce_sum.cu, reduce_extreme.cu and extreme_backward.cu.
#pragma once

#include "kernels/column_tiles.h"

/// What is reduced over the extent of [outer, extent, inner], and what becomes of it.
struct ReduceOperands {
  const float* x;
  const uint32_t* positions;  ///< of x's values; null: their places along the extent
  const float* tied_to;  ///< [outer, inner]: counts the values that equal it instead of adding them; or null
  const float*
      divided;  ///< [outer, inner]: the result is this over the sum, which counts as at least 1; or null
  float* y;     ///< [outer, chunks, inner]; null: not wanted
  uint32_t* y_positions;  ///< likewise
  int32_t* index;         ///< likewise
  float scale;            ///< of a sum
  uint32_t spread;        ///< 1; or `inner`, which lies inside of the extent that positions count
  bool least;             ///< the minimum instead of the maximum
};

/// A group of lanes a row; inner = 1.
struct ReduceRowsParameters {
  static constexpr int kThreads = 256;
  static constexpr int64_t kMostExtent = 2048;
  ReduceOperands operands;
  int64_t rows, extent;
  unsigned lanes;  ///< of a row: a power of two up to 32
};

/// A thread an output.
struct ReduceOutputsParameters {
  static constexpr int kThreads = 128;
  ReduceOperands operands;
  int64_t outputs, extent, inner;
};

/// Tiles of [extent, inner] for each of the outer ones.
struct ReduceColumnsParameters {
  ReduceOperands operands;
  ColumnTiles tiles;
};

struct ExtremeBackwardParameters {
  static constexpr int kThreads = 256;
  const float *x, *y, *share;
  float* dx;
  int64_t count, extent, inner;
};
