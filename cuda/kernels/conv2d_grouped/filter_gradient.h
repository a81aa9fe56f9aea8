// Parameters of the gradients of filters: depthwise_, grouped_ and direct_filter_gradient.cu.
#pragma once

#include "kernels/conv2d_grouped/correlation.h"

/// The outputs are cut into units (tiles, or rows), and those into chunks of neighbouring units; each chunk's
/// sum is a partial gradient of its own.
struct FilterGradient {
  const float* x;
  const float* dy;
  float* partials;  ///< [chunks, filter], as dfilter lies
  InputPrologue prologue;
  CorrelationAxis rows, columns;  ///< of fprop
  int64_t x_pixel, y_pixel;
  int64_t filter_count, units, chunk_units;
  int32_t groups, group_ins, group_outs;
};

/// Depthwise: a block's threads are (channel vectors, slices of rows, rows of the filter).
struct DepthwiseFilterGradient {
  FilterGradient gradient;
  int32_t tile_rows, tile_columns;  ///< outputs; columns in strips of kGradientStrip
  int32_t channel_parts;            ///< blocks over the channels
  int32_t x_floats;                 ///< of shared memory, before dy's
};
inline constexpr int32_t kGradientStrip = 4;

/// Grouped: a block's threads are (items, slices of pixels). An item is one tap by one vector each of input
/// and output channels of a group.
struct GroupedFilterGradient {
  FilterGradient gradient;
  int32_t tile_rows, tile_columns;
  int32_t block_groups, block_ins, block_outs;  ///< channels of each group, in whole vectors
  int32_t group_parts, in_parts, out_parts;     ///< blocks over them
  int32_t items, item_parts;                    ///< of all that a block's channels have; blocks over them
  int32_t x_floats;
  bool vector_ins, vector_outs;
};

/// Direct: a block takes so many elements of the filter, for a chunk of rows.
struct DirectFilterGradient {
  FilterGradient gradient;
  int64_t element_parts;
};
inline constexpr int32_t kDirectElements = 256;
