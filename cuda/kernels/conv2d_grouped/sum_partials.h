// Parameters of sum_partials.cu.
#pragma once

#include <cstdint>

struct SumPartials {
  const float* partials;  ///< [parts, count]
  int64_t parts, count;
  float* sum;
};

inline constexpr int32_t kPartialElements = 32, kPartialSlices = 8;
