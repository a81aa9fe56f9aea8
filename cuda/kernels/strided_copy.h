// Parameters of strided_copy.cu. Extents, strides and offsets count units: elements, or vectors of them.
#pragma once

#include <cstdint>

#include "device/strided_pair.h"
#include "device/units.h"

struct StridedCopyParameters {
  const void* x;  ///< at the first unit copied
  void* y;
  int64_t count;
  StridedPair strides;  ///< of x and y
};

struct TransposeParameters {
  const void* x;
  void* y;
  int64_t rows, columns;    ///< y's neighbours follow the rows, x's the columns
  int64_t x_row, y_column;  ///< strides
  Divider row_tiles, column_tiles;
  StridedPair rest;  ///< the other axes
};

inline constexpr int kTransposeTile = 32, kTransposeRows = 8;  ///< a block is 32 x 8 threads
