// Parameters of draw_transforms.cu.
#pragma once

#include "core/step_block.h"
#include "kernels/transforms/transform_step.h"

struct DrawTransformsParameters {
  const int32_t* index;
  const float* ranges;
  float* parameters;
  const lapidary::StepBlock* step;
  unsigned long long *index_fault, *range_fault;
  int64_t n;
  uint64_t seed;
  uint32_t site, view;
  int32_t steps;
  TransformStep step_at[lapidary::data::kMostSteps];
};
