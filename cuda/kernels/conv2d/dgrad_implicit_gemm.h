// Parameters of dgrad_implicit_gemm.cu.
#pragma once

#include <cstdint>

/// One axis of a strided convolution, from the side of x. Pixels i, i + stride, ... are a class: they meet
/// the same taps, every `tap_step`-th from a first one, and from one tap to the next the output lies
/// `output_step` further back.
struct DgradAxis {
  int32_t input, output, taps;  ///< extents of x, of y, of the filter
  int32_t stride, pad, dilation;
  int32_t common;   ///< greatest common divisor of stride and dilation
  int32_t inverse;  ///< of dilation / common, modulo stride / common
};

struct DgradParameters {
  const float* dy;
  const float* filter;
  const float* addend;  ///< null: none
  const float* rectified;
  float* dx;
  uint32_t column_tiles;
  int64_t n, c, k, x_pixel, y_pixel;
  DgradAxis h, w;
  float greatest_open;  ///< of the rectifier's outputs
  bool wide_c;          ///< channels of x come in aligned fours
  bool wide_filter;     ///< those of the filter
  bool wide_k;          ///< those of dy
};
