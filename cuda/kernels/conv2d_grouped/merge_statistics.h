// Parameters of merge_statistics.cu.
#pragma once

#include <cstdint>

struct MergeStatistics {
  const float* statistics;  ///< [blocks, 3, channels]: counts, means, squares around them
  int64_t blocks, channels;
  float* mean;
  float* variance;
};

/// A block takes 32 channels, and parts of the list of blocks in as many slices.
inline constexpr int32_t kMergeChannels = 32, kMergeSlices = 16;
