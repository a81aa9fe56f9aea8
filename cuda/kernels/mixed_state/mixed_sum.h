// Parameters of mixed_sum.cu.
#pragma once

#include <cstdint>

inline constexpr int kMixedTerms = 64;  ///< of an edge, at most (MixedSumProblem::check)
inline constexpr int kSumRowsOfThread = 4;

struct MixedTerm {
  const float* x;
  const float* mean;  ///< null: not normalised
  const float* variance;
  int32_t place;  ///< of its weight
};

struct MixedSumParameters {
  const float* weights;
  const float* addend;  ///< or null
  float* y;
  int64_t rows, channels;
  float eps;
  int32_t terms;
  MixedTerm term[kMixedTerms];
};
