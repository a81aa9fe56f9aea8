// Parameters of grouped_correlation.cu.
#pragma once

#include "kernels/conv2d_grouped/correlation.h"

struct GroupedCorrelation {
  Correlation correlation;
  int32_t tile_rows, tile_columns;  ///< outputs a block; columns in strips of kGroupedStrip
  int32_t block_groups;             ///< whose inputs and outputs a block has
  int32_t block_outs;               ///< channels of each, in multiples of what a thread computes
  int32_t out_parts;                ///< blocks over the output channels of a group
  int32_t chunk_ins;                ///< input channels of each group that are in shared memory at a time
  int32_t tile_floats;              ///< of shared memory, before the filter's
  bool vector_ins, vector_outs;     ///< whether four channels are one access in global memory
};

/// Neighbouring outputs of a row that one thread computes.
inline constexpr int32_t kGroupedStrip = 4;
/// Floats between rows of the filter in shared memory beyond the channels: so that storing meets fewer bank
/// conflicts.
inline constexpr int32_t kGroupedFilterPad = 4;
