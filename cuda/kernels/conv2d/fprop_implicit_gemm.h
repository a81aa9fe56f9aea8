// Parameters of fprop_implicit_gemm.cu.
#pragma once

#include "device/nested_walk.h"
#include "kernels/conv2d/prologue.h"

struct FpropParameters {
  const float* x;
  const float* filter;
  const float* out_scale;  ///< null: none, and so on
  const float* bias;
  const float* residual;
  float* y;
  float* statistics;  ///< [row tiles][mean, sum of squared deviations][K]; null: none
  Conv2dPrologue prologue;
  int64_t pixels;
  uint32_t column_tiles;
  int64_t x_pixel, y_pixel, k, sum;  ///< sum: R S C
  int32_t h, w, p, q, r;
  int32_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  NestedWalk depth;  ///< through (r, s, c)
  float ceiling;     ///< of the activation
  bool rectify;      ///< whether there is one
  bool wide_c;       ///< channels of x and of the filter come in aligned fours
  bool wide_k;       ///< those of y and of the residual
};

inline constexpr int kStatisticsChannels = 32, kStatisticsThreads = 512;

struct FpropStatisticsParameters {
  const float* tiles;  ///< [tiles][mean, sum of squared deviations][K]
  float* mean;
  float* variance;
  int64_t tile_count, k;
  int64_t pixels;
  int32_t tile_pixels;  ///< of every tile but the last
};
