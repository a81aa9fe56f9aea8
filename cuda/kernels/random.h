// Parameters of random.cu.
#pragma once

#include <cstdint>

#include "core/step_block.h"

struct RandomUniformParameters {
  float* y;
  int64_t count;
  double low, span;
  float top;  ///< the largest value; infinity: no limit
  uint64_t seed, stream;
};

struct RandomNormalParameters {
  float* y;
  int64_t count;
  float mean, deviation;
  uint64_t seed, stream;
};

struct DropoutParameters {
  const float* x;
  float* y;
  float* mask;
  int64_t count;
  float rate, keep;
  uint64_t seed, site;
  const lapidary::StepBlock* step;
};
