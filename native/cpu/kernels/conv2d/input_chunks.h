// How fprop and wgrad cut their pixels, and which part of the zero-padded input each cut needs: the part of
// their plans that does not depend on the micro-kernel.
#pragma once

#include "cpu/kernels/conv2d/padded_image.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// A chunk is `images` whole images, or `rows` rows of the output of one. A function of the problem only.
struct InputChunks {
  Conv2dProblem p;  ///< with the steps between pixels filled in
  int64_t P, Q;
  int64_t row_step = 1, col_step = 1;  ///< input pixels between neighbouring scratch pixels
  int64_t stride_h, stride_w;          ///< in scratch pixels
  int64_t cols, pixel;                 ///< of scratch: pixels of a row, floats of a pixel
  int64_t images = 1, rows, bands = 1;

  struct Chunk {
    int64_t n0, images, p0, rows;
  };

  /// Of the problem, all rows in a chunk. `in_scratch`: a stride that skips pixels altogether is taken in the
  /// copy.
  void begin(const Conv2dProblem& problem, bool in_scratch, int64_t scratch_pixel) {
    p = problem, pixel = scratch_pixel;
    P = p.p(), Q = p.q(), rows = P;
    stride_h = p.stride_h, stride_w = p.stride_w;
    if (in_scratch && p.r == 1) row_step = p.stride_h, stride_h = 1;
    if (in_scratch && p.s == 1) col_step = p.stride_w, stride_w = 1;
    cols = (Q - 1) * stride_w + p.dilation_w * (p.s - 1) + 1;
  }
  /// At most `wanted` rows in a chunk, about the same number in each.
  void cut_rows(int64_t wanted) {
    bands = ceil_div(P, std::clamp<int64_t>(wanted, 1, P));
    rows = ceil_div(P, bands);
    bands = ceil_div(P, rows);
  }

  int64_t count() const { return ceil_div(p.n, images) * bands; }
  Chunk chunk(int64_t index) const {
    const int64_t n0 = index / bands * images, p0 = index % bands * rows;
    return {n0, std::min(images, p.n - n0), p0, std::min(rows, P - p0)};
  }
  int64_t first_pixel(const Chunk& chunk) const { return (chunk.n0 * P + chunk.p0) * Q; }
  int64_t halo() const { return p.dilation_h * (p.r - 1); }
  int64_t scratch_rows(int64_t out) const { return (out - 1) * stride_h + halo() + 1; }
  /// The window of an image that a chunk reads.
  PaddedWindow window(const Chunk& chunk) const {
    return {
        scratch_rows(chunk.rows), cols, pixel, chunk.p0 * p.stride_h - p.pad_h, -p.pad_w, row_step, col_step};
  }
};

/// Steps between pixels filled in; a 1x1 convolution of stride 1 without padding becomes one of single
/// pixels.
inline Conv2dProblem with_steps(const Conv2dProblem& given) {
  Conv2dProblem p = given;
  p.x_stride = given.x_pixel(), p.y_stride = given.y_pixel();
  return p;
}
inline bool pointwise(const Conv2dProblem& p) {
  return p.r == 1 && p.s == 1 && p.stride_h == 1 && p.stride_w == 1 && p.pad_h == 0 && p.pad_w == 0;
}
inline Conv2dProblem as_pixels(const Conv2dProblem& given) {
  Conv2dProblem p = with_steps(given);
  if (pointwise(p)) p.n = p.n * p.h * p.w, p.h = p.w = 1;
  return p;
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
