// Parameters of affine_transform.cu.
#pragma once

#include "kernels/transforms/pictures.h"

struct AffineParameters {
  Pictures x;
  float* y;
  StepParameters parameters;
  int32_t tiles;  ///< blocks a picture
  bool nearest;
};
