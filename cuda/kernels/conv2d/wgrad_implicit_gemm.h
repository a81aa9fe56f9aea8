// Parameters of wgrad_implicit_gemm.cu.
#pragma once

#include "device/nested_walk.h"
#include "kernels/conv2d/prologue.h"

struct WgradParameters {
  const float* x;
  const float* dy;
  float* dfilter;  ///< of split i at i * K R S C
  Conv2dPrologue prologue;
  int64_t pixels, split_pixels;
  uint32_t column_tiles, row_tiles;
  int64_t x_pixel, y_pixel, k, sum;  ///< sum: R S C
  int32_t h, w, c;
  int32_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  NestedWalk taps;   ///< lines: (r, s, c)
  NestedWalk depth;  ///< pixels: (n, p, q)
  bool wide_c;       ///< channels of x come in aligned fours
  bool wide_k;       ///< those of dy
  bool wide_filter;  ///< rows of dfilter do
};
