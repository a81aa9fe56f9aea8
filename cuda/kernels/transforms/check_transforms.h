// Parameters of check_transforms.cu.
#pragma once

#include "kernels/transforms/transform_step.h"

struct CheckParametersParameters {
  const float* given;
  float* checked;
  unsigned long long* fault;
  int64_t rows;
  int32_t steps;
  TransformStep step_at[lapidary::data::kMostSteps];
};

struct CheckIndicesParameters {
  const int32_t* index;
  int32_t* checked;
  unsigned long long* fault;
  int64_t n, images;
};
