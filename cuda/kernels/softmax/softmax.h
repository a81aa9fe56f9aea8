// Parameters of softmax.cu.
#pragma once

#include <cstdint>

struct SoftmaxForwardParameters {
  const float* x;
  float* y;
  int64_t rows, classes;
  unsigned lanes;  ///< of a row, where a warp holds several
  bool logarithm;
};

struct SoftmaxBackwardParameters {
  const float *y, *dy;
  float* dx;
  int64_t rows, classes;
  unsigned lanes;
  bool logarithm;
};
