// Parameters of direct_correlation.cu.
#pragma once

#include "kernels/conv2d_grouped/correlation.h"

struct DirectCorrelation {
  Correlation correlation;
  int64_t channel_parts;  ///< blocks over the channels
};

/// A block's channels, its slices, and the outputs of each of them.
inline constexpr int32_t kDirectChannels = 32, kDirectSlices = 8, kDirectOutputs = 4;
