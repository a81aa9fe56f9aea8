// What tiles read of the tensors they overlap, for the bytes that a kernel states.
#pragma once

#include <algorithm>
#include <cstdint>

namespace lapidary::cuda {

/// Along one axis of `extent` elements: how many those tiles read together that begin at `first`, first +
/// step, ...
/// (`tiles` of them) and are `length` long; what lies outside is not read.
constexpr int64_t read_along(int64_t tiles, int64_t first, int64_t step, int64_t length, int64_t extent) {
  int64_t sum = 0;
  for (int64_t tile = 0; tile < tiles; ++tile, first += step)
    sum += std::max<int64_t>(std::min(first + length, extent) - std::max<int64_t>(first, 0), 0);
  return sum;
}

}  // namespace lapidary::cuda
