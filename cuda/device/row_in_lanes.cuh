// A row of a matrix in the registers of a group of lanes: element `lane + i lanes` is value[i] of the lane.
#pragma once

#include <cstdint>

#include "device/warp_reduce.cuh"

/// How rows are handed to groups of lanes of a block.
struct LaneRow {
  int64_t row;
  unsigned lane, lanes;
  bool inside;

  /// `lanes`: a power of two up to 32. All lanes of a warp take part in reductions, those without a row too.
  __device__ LaneRow(int64_t rows, unsigned lanes_by_row)
      : row(int64_t{blockIdx.x} * (blockDim.x / lanes_by_row) + threadIdx.x / lanes_by_row),
        lane(threadIdx.x % lanes_by_row),
        lanes(lanes_by_row),
        inside(row < rows) {}
};

/// Calls body(element, i) for the elements of the lane.
template <int kMost, class Body>
__device__ inline void for_elements(const LaneRow& place, int count, Body body) {
#pragma unroll
  for (int i = 0; i < kMost; ++i) {
    const int element = static_cast<int>(place.lane + i * place.lanes);
    if (place.inside && element < count) body(element, i);
  }
}
