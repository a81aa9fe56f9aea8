// Two tensors seen through one list of axes: extents, and the strides of each. The device side is
// strided_pair.cuh.
#pragma once

#include "device/divider.h"

struct StridedPair {
  static constexpr int kMaxRank = 6;
  int rank = 0;  ///< axes from the innermost to the outermost
  Divider extents[kMaxRank];
  int64_t first[kMaxRank] = {}, second[kMaxRank] = {};
};
