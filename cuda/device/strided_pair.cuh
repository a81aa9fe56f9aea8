// Where an element of a StridedPair lies in both tensors.
#pragma once

#include "device/strided_pair.h"

struct PairOffsets {
  int64_t first, second;
};

/// Of the element with this row-major number.
__device__ inline PairOffsets offsets_of(const StridedPair& pair, int64_t index) {
  PairOffsets offsets{0, 0};
#pragma unroll
  for (int axis = 0; axis < StridedPair::kMaxRank; ++axis) {
    if (axis == pair.rank) break;
    const int64_t rest = pair.extents[axis].quotient(index);
    const int64_t at = index - rest * pair.extents[axis].divisor;
    offsets.first += at * pair.first[axis];
    offsets.second += at * pair.second[axis];
    index = rest;
  }
  return offsets;
}
