// Parameters of pixel_transforms.cu.
#pragma once

#include "data/transforms.h"
#include "kernels/transforms/pictures.h"

/// Outputs that a block takes.
inline constexpr int kPixelsOfBlock = 1024;

/// A step that needs one pixel of its input for one of its output.
struct PixelStep {
  int32_t kind;         ///< lapidary::data::TransformKind
  int32_t adjustments;  ///< of a color jitter
  int32_t in_h, in_w;
};

struct PixelTransformsParameters {
  Pictures x;
  float* y;                   ///< null: mean_luma
  StepParameters parameters;  ///< of the first step; the next ones' follow
  float* means;               ///< [samples][kMostSteps]: mean luma before the contrast of a color jitter
  int32_t h, w;               ///< of what comes out
  int32_t tiles;              ///< blocks a picture
  int32_t steps;
  PixelStep step_at[lapidary::data::kMostSteps];
};
