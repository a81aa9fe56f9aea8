// Operands of device/simt_tile.cuh that a convolution gathers: element (pixel, tap) lies at pixel.offset +
// tap.offset, and is zero where (pixel.h + tap.h, pixel.w + tap.w) is outside of the image. Pixels stand in
// tables in shared memory, so that a thread divides nothing on its way.
//
// The prologue is applied by each thread to the elements that it copied, before the barrier that makes them
// everyone's; padding stays zero.
#pragma once

#include "device/matrix_source.cuh"
#include "device/nested_walk.h"
#include "kernels/conv2d/prologue.h"

struct Pixel {
  int64_t offset;
  int32_t h, w;

  /// Far outside of every image, however far a tap reaches.
  static __device__ Pixel outside() { return {0, -(1 << 30), 0}; }
};

/// Element (0, 0) of an image that is gathered from, and its extents.
struct GatheredImage {
  const float* values;
  int32_t h, w;

  __device__ bool contains(const Pixel& pixel, int32_t tap_h, int32_t tap_w) const {
    return static_cast<uint32_t>(pixel.h + tap_h) < static_cast<uint32_t>(h) &&
           static_cast<uint32_t>(pixel.w + tap_w) < static_cast<uint32_t>(w);
  }
};

__device__ inline float apply(const Conv2dPrologue& prologue, float x, float scale, float shift) {
  const float value = fmaf(x, scale, shift);
  return prologue.rectify && value < 0 ? 0.0f : value;
}
/// To one value, or to `wide` four of neighbouring channels.
__device__ inline void apply_in_place(const Conv2dPrologue& prologue, float* values, const float* scale,
                                      const float* shift, bool wide) {
  if (!wide) {
    *values = apply(prologue, *values, *scale, *shift);
    return;
  }
  float x[4], scales[4], shifts[4];
  load_four(x, values), load_four(scales, scale), load_four(shifts, shift);
#pragma unroll
  for (int e = 0; e < 4; ++e) x[e] = apply(prologue, x[e], scales[e], shifts[e]);
  *reinterpret_cast<float4*>(values) = make_float4(x[0], x[1], x[2], x[3]);
}

/// How taps lie: (r, s) at (r * h, s * w) pixels from the first, channels side by side.
struct TapSteps {
  int32_t h, w;
  int64_t offset_h, offset_w;  ///< in elements
};

/// Lines are pixels (all in a table), the depth walks through (r, s, channel): the convolved side of fprop
/// and dgrad. Depth-contiguous, as channels are.
template <class Operand, int Threads>
class GatheredPixels {
 public:
  /// Of the channels of a step and of the next.
  struct Coefficients {
    alignas(16) float scale[2][kProductDepth];
    alignas(16) float shift[2][kProductDepth];
  };

  __device__ GatheredPixels(const GatheredImage& image, const Pixel* pixels, const TapSteps& steps,
                            const NestedWalk& walk, int32_t taps_h, bool wide, const Conv2dPrologue& prologue,
                            Coefficients& coefficients)
      : share_(wide),
        image_(image),
        pixels_(pixels),
        steps_(steps),
        walk_(walk),
        taps_h_(taps_h),
        position_(walk.at(share_.depth)),
        prologue_(prologue),
        coefficients_(coefficients) {
    copy_coefficients(0, position_);
    wait_for_copies();
  }

  __device__ void copy(int stage, Operand& tile, int left) const {
    const int64_t offset =
        position_.outer * steps_.offset_h + position_.middle * steps_.offset_w + position_.inner;
#pragma unroll 1
    for (int line = share_.line; line < Operand::kLines; line += share_.step) {
      const Pixel pixel = pixels_[line];
      share_.copy(tile.at(line, share_.depth), image_.values + (pixel.offset + offset),
                  share_.depth < left && contains(pixel));
    }
    NestedPosition next = position_;
    walk_.advance(next);
    copy_coefficients(stage ^ 1, next);
  }

  __device__ void finish(int stage, Operand& tile, int left) const {
    if (!prologue_.scale || share_.depth >= left) return;
    const float* scale = &coefficients_.scale[stage][share_.depth];
    const float* shift = &coefficients_.shift[stage][share_.depth];
#pragma unroll 1
    for (int line = share_.line; line < Operand::kLines; line += share_.step) {
      if (!contains(pixels_[line])) continue;
      apply_in_place(prologue_, tile.at(line, share_.depth), scale, shift, share_.wide);
    }
  }

  __device__ void advance() { walk_.advance(position_); }

 private:
  __device__ bool contains(const Pixel& pixel) const {
    return image_.contains(pixel, position_.outer * steps_.h, position_.middle * steps_.w);
  }
  /// By the threads of line 0. Those of the step after the one whose elements are copied: they are everyone's
  /// a barrier before they are used.
  __device__ void copy_coefficients(int stage, const NestedPosition& position) const {
    if (!prologue_.scale || share_.line != 0) return;
    const bool present = position.outer < taps_h_;
    share_.copy(&coefficients_.scale[stage][share_.depth], prologue_.scale + position.inner, present);
    share_.copy(&coefficients_.shift[stage][share_.depth], prologue_.shift + position.inner, present);
  }

  CopyShare<Operand, Threads> share_;
  const GatheredImage& image_;
  const Pixel* pixels_;
  const TapSteps& steps_;
  const NestedWalk& walk_;
  int32_t taps_h_;
  NestedPosition position_;
  const Conv2dPrologue& prologue_;
  Coefficients& coefficients_;
};

/// A line of GatheredTaps.
struct Tap {
  int64_t offset;
  int32_t h, w;
};

/// The depth walks through pixels, or what stands for them, by a table of kProductDepth a step; lines are
/// taps, in fours side by side in memory where `wide`: x of wgrad, the filter of dgrad. Depth-major.
///
/// `Depths` has at(), the Pixel of the step that it stands at (one of kProductDepth, that of this thread),
/// and advance().
template <class Operand, int Threads, class Depths>
class GatheredTaps {
 public:
  using Table = Pixel[2][kProductDepth];
  /// Scale and shift of the channels of the tile's lines.
  struct Coefficients {
    alignas(16) float scale[Operand::kLines];
    alignas(16) float shift[Operand::kLines];
  };

  /// `tap_of(line)` for the tile's `lines` first lines; `coefficients` are ready behind the first barrier.
  template <class TapOf>
  __device__ GatheredTaps(const GatheredImage& image, Depths& depths, Table& table, int64_t lines, bool wide,
                          TapOf&& tap_of, const Conv2dPrologue& prologue, const Coefficients* coefficients)
      : share_(wide),
        image_(image),
        depths_(depths),
        table_(table),
        prologue_(prologue),
        coefficients_(coefficients),
        inside_(share_.line < lines),
        tap_(inside_ ? tap_of(share_.line) : Tap{0, 0, 0}) {
    fill(0);
  }

  __device__ void copy(int stage, Operand& tile, int left) const {
#pragma unroll 1
    for (int depth = share_.depth; depth < kProductDepth; depth += share_.step) {
      const Pixel pixel = table_[stage][depth];
      share_.copy(tile.at(share_.line, depth), image_.values + (pixel.offset + tap_.offset),
                  depth < left && contains(pixel));
    }
  }

  __device__ void finish(int stage, Operand& tile, int left) {
    fill(stage ^ 1);
    if (!prologue_.scale) return;
#pragma unroll 1
    for (int depth = share_.depth; depth < left; depth += share_.step) {
      if (!contains(table_[stage][depth])) continue;
      apply_in_place(prologue_, tile.at(share_.line, depth), &coefficients_->scale[share_.line],
                     &coefficients_->shift[share_.line], share_.wide);
    }
  }

  __device__ void advance() const {}

 private:
  __device__ bool contains(const Pixel& pixel) const {
    return inside_ && image_.contains(pixel, tap_.h, tap_.w);
  }
  /// The table of the next step, whose readers of before the last barrier are done.
  __device__ void fill(int stage) {
    if (threadIdx.x >= kProductDepth) return;
    table_[stage][threadIdx.x] = depths_.at();
    depths_.advance();
  }

  CopyShare<Operand, Threads> share_;
  const GatheredImage& image_;
  Depths& depths_;
  Table& table_;
  const Conv2dPrologue& prologue_;
  const Coefficients* coefficients_;
  bool inside_;
  Tap tap_;
};
