// Parameters of cross_entropy.cu.
#pragma once

#include <cstdint>

struct CrossEntropyForwardParameters {
  const float* logits;
  const int32_t* labels;
  float* losses;  ///< a row each
  float* log_sum_exp;
  unsigned long long* fault;
  int64_t rows, classes;
  unsigned lanes;  ///< of a row, where a warp holds several
  float smoothing;
};

struct CrossEntropyBackwardParameters {
  const float* logits;
  const int32_t* labels;
  const float *log_sum_exp, *dloss;
  float* dlogits;
  unsigned long long* fault;
  int64_t rows, classes;
  unsigned threads;  ///< of a row: a power of two up to a block's
  float smoothing;
  bool mean;
};
