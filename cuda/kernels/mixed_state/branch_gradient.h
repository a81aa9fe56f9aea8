// Parameters of branch_gradient.cu.
#pragma once

#include <cstdint>

inline constexpr int kGradientRowsOfThread = 4;

struct BranchGradientParameters {
  const float* g;
  const float* y;
  const float* coefficients;  ///< [a, b, d][channel]
  float* dy;
  int64_t rows, channels;
};
