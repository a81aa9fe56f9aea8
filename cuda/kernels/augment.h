// Parameters of augment.cu.
#pragma once

#include "core/step_block.h"

struct AugmentParameters {
  const uint8_t* images_data;
  const int32_t* index;
  float* y;
  const lapidary::StepBlock* step;
  unsigned long long* fault;
  int64_t h, w, c, images, pad, cutout;
  uint64_t seed;
  int64_t rows, parts;  ///< rows of an image that a block takes, and blocks an image
  bool train, flip;
};
