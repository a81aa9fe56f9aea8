// Parameters of gather.cu.
#pragma once

#include <cstdint>

#include "device/divider.h"
#include "device/units.h"

struct GatherForwardParameters {
  const void* x;
  const int32_t* index;
  void* y;
  int64_t count, extent;  ///< count: of y's units, elements or vectors of them
  Divider inner, picks;   ///< inner in units
  unsigned long long* fault;
};

// Picks of one index are linked in ascending order. A link holds the number of picks from the one it leads to
// until the end, so that 0 can say that there is none.
struct GatherLinksParameters {
  const int32_t* index;
  int32_t* first;  ///< of each index; zeros before
  int32_t* next;   ///< of each pick
  int64_t extent;
  int32_t picks;
  unsigned long long* fault;
};

struct GatherBackwardParameters {
  const float* dy;
  const int32_t* first;
  const int32_t* next;
  float* dx;
  int64_t count;          ///< of dx, in elements or in vectors of 4
  Divider inner, extent;  ///< inner likewise
  int32_t picks;
};

inline constexpr int kGatherLinksBlock = 256;
