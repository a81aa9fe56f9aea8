// Parameters of pgd_linf.cu.
#pragma once

#include <cstdint>

#include "core/step_block.h"

struct PgdLinfStartParameters {
  const float* x;
  const int32_t* sample_index;
  float* y;
  int64_t features;
  uint32_t pieces;  ///< blocks of a sample
  float epsilon, low, high;
  uint64_t seed, site;
  const lapidary::StepBlock* step;
};

struct PgdLinfStepParameters {
  const float* x_adv;
  const float* gradient;
  const float* x;
  float* y;
  int64_t count;
  float step, epsilon, low, high;
};
