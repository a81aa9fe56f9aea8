// Parameters of the kernels of separable_backward: separable_pointwise_dgrad.cu, separable_depthwise_dgrad.cu
// and separable_wgrad.cu.
//
// dy = a g + b y + d is what enters a path's pointwise filter from behind; dt, the gradient between its two
// filters, is the one thing that is stored between launches.
#pragma once

#include <array>

#include "kernels/mixed_state/separable.h"

struct SeparableBackwardPath : SeparablePath {
  const float* g;
  const float* y;
  const float* coefficients;  ///< [a, b, d][channel]
  float* dt;                  ///< [n, p, q, c]
  float* dx;                  ///< of its group
  float* dx_sums;             ///< of its group, when normed: [tile of dx][sum dx, sum dx xhat][channel]
  float* dx_coefficients;
  /// [chunk][filter_values]: the pointwise filter's, then the depthwise one's.
  float* filter_sums;
  float* dpointwise;
  float* ddepthwise;

  constexpr int64_t pointwise_values(int32_t c) const { return static_cast<int64_t>(outs) * c; }
  constexpr int64_t filter_values(int32_t c) const {
    return pointwise_values(c) + (taps > 1 ? static_cast<int64_t>(c) * taps * taps : 0);
  }
};

/// A block of separable_depthwise_dgrad has 8 rows of 8 (at stride 2: 16) pixels of dx and 16 channels.
inline constexpr int kDxRows = 8, kDxChannels = 16;
constexpr int dx_columns(int stride) { return 8 * stride; }
constexpr int64_t dx_slices(int64_t channels) { return (channels + kDxChannels - 1) / kDxChannels; }

/// The outputs whose windows reach a tile of dx, relative to the one at the tile's first pixel.
struct ReachingOutputs {
  int first, rows, columns;

  constexpr ReachingOutputs(int taps, int dilation, int origin, int stride)
      : first(-floor_of(origin + (taps - 1) * dilation, stride)),
        rows(floor_of(kDxRows - 1 - origin, stride) - first + 1),
        columns(floor_of(dx_columns(stride) - 1 - origin, stride) - first + 1) {}

 private:
  static constexpr int floor_of(int value, int stride) {
    return value >= 0 ? value / stride : -((stride - 1 - value) / stride);
  }
};

/// Tiles of outputs in chunks, one partial sum of the filters' gradients each.
struct FilterChunks {
  int64_t tiles, count;
  constexpr explicit FilterChunks(int64_t all) : tiles((all + 63) / 64), count((all + tiles - 1) / tiles) {}
};

struct SeparableBackwardParameters {
  SeparableShape shape;
  OutputTiles tiles;     ///< of y
  OutputTiles dx_tiles;  ///< of dx
  int32_t panels;        ///< of channels
  bool accumulate;       ///< dx is added to
  bool training;
  std::array<uint8_t, kSeparablePaths + 1> group_begin;  ///< paths that share a dx
  SeparableBackwardPath path[kSeparablePaths];
};

/// Floats of shared memory of separable_wgrad.
template <int kPanel>
constexpr int separable_wgrad_shared(const TileInputs& inputs) {
  using Tile = SeparableTile<kPanel>;
  return 3 * kPanel + (kPanel + Tile::kSlice) * Tile::kPixelPitch + Tile::kSlice * (2 + 25 + inputs.plane);
}
