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
  /// Scale and shift of the channels of a step and of the next.
  struct Coefficients {
    float2 at[2][kProductDepth];
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
    if (loads_coefficients()) {
      ahead_ = walk.at(threadIdx.x);
      load_coefficients();
      coefficients_.at[0][threadIdx.x] = loaded_;
      walk_.advance(ahead_);
      load_coefficients();
    }
  }

  __device__ void copy(int, Operand& tile) const {
    const int64_t offset =
        position_.outer * steps_.offset_h + position_.middle * steps_.offset_w + position_.inner;
#pragma unroll 1
    for (int line = share_.line; line < Operand::kLines; line += share_.line_step) {
      const Pixel pixel = pixels_[line];
      share_.copy(tile.at(line, share_.depth), image_.values + (pixel.offset + offset), contains(pixel));
    }
  }

  __device__ void finish(int stage, Operand& tile) {
    if (!prologue_.scale) return;
    const float2* coefficients = &coefficients_.at[stage][share_.depth];
#pragma unroll 1
    for (int line = share_.line; line < Operand::kLines; line += share_.line_step) {
      if (!contains(pixels_[line])) continue;
      float* values = tile.at(line, share_.depth);
      for (int e = 0; e < (share_.wide ? 4 : 1); ++e)
        values[e] = apply(prologue_, values[e], coefficients[e].x, coefficients[e].y);
    }
    if (loads_coefficients()) coefficients_.at[stage ^ 1][threadIdx.x] = loaded_;
  }

  __device__ void advance() {
    walk_.advance(position_);
    if (!loads_coefficients()) return;
    walk_.advance(ahead_);
    load_coefficients();
  }

 private:
  __device__ bool contains(const Pixel& pixel) const {
    return position_.outer < taps_h_ &&
           image_.contains(pixel, position_.outer * steps_.h, position_.middle * steps_.w);
  }
  __device__ bool loads_coefficients() const { return prologue_.scale && threadIdx.x < kProductDepth; }
  __device__ void load_coefficients() {
    loaded_ = make_float2(0, 0);
    if (ahead_.outer < taps_h_)
      loaded_ = make_float2(prologue_.scale[ahead_.inner], prologue_.shift[ahead_.inner]);
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
  NestedPosition ahead_;  // of the first kProductDepth threads: where the coefficients of the next step are
  float2 loaded_;
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
  using Coefficients = float2[Operand::kLines];

  /// `tap_of(line)` for the tile's `lines` first lines; `coefficients` are ready behind the first barrier.
  template <class TapOf>
  __device__ GatheredTaps(const GatheredImage& image, Depths& depths, Table& table, int64_t lines, bool wide,
                          TapOf&& tap_of, const Conv2dPrologue& prologue, const float2* coefficients)
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

  __device__ void copy(int stage, Operand& tile) const {
#pragma unroll 1
    for (int depth = share_.depth; depth < kProductDepth; depth += share_.depth_step) {
      const Pixel pixel = table_[stage][depth];
      share_.copy(tile.at(share_.line, depth), image_.values + (pixel.offset + tap_.offset), contains(pixel));
    }
  }

  __device__ void finish(int stage, Operand& tile) {
    fill(stage ^ 1);
    if (!prologue_.scale) return;
#pragma unroll 1
    for (int depth = share_.depth; depth < kProductDepth; depth += share_.depth_step) {
      if (!contains(table_[stage][depth])) continue;
      float* values = tile.at(share_.line, depth);
      for (int e = 0; e < (share_.wide ? 4 : 1); ++e) {
        const float2 affine = coefficients_[share_.line + e];
        values[e] = apply(prologue_, values[e], affine.x, affine.y);
      }
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
  const float2* coefficients_;
  bool inside_;
  Tap tap_;
};
