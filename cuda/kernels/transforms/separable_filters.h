// Parameters of separable_filters.cu.
#pragma once

#include "kernels/transforms/pictures.h"

/// Both axes of a resampling, for each row of parameters: `windows` holds first and count down, first and
/// count across; `weights` those down, then those across.
struct ResamplingPlan {
  int32_t in_h, in_w, out_h, out_w;
  int32_t taps_h, taps_w;  ///< place for the weights of an output
  int32_t interpolation;
  bool antialias, boxed;                   ///< boxed: a box of the picture is resampled, else all of it
  int64_t windows_stride, weights_stride;  ///< of a row of parameters; 0: one row for all samples

  constexpr int64_t windows() const { return 2 * (int64_t{out_h} + out_w); }
  constexpr int64_t weights() const { return int64_t{out_h} * taps_h + int64_t{out_w} * taps_w; }
};

struct ResamplingWeightsParameters {
  ResamplingPlan plan;
  StepParameters box;
  int32_t* windows;
  float* weights;
  int64_t rows;
};

struct GaussianWeightsParameters {
  StepParameters sigmas;
  float* weights;  ///< `down` ones, then `across`, for each row of parameters
  int64_t rows;
  int32_t down, across;
};

struct ResampleParameters {
  ResamplingPlan plan;
  Pictures x;
  float* y;
  StepParameters box;
  const int32_t* windows;
  const float* weights;
  float* lines;  ///< a line of the box for each block; null: it fits into shared memory
};

struct BlurParameters {
  Pictures x;
  float* y;
  StepParameters applied;
  const float* weights;
  int64_t weights_stride;
  int32_t down, across;
  float* lines;
};
