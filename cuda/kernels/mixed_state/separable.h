// What the kernels of separable convolutions share: a path from x to y, and how blocks cut outputs and
// channels.
//
// A *path* is act(x), a depthwise convolution, then a pointwise one to some of the channels of y. A separable
// or dilated convolution is one path. FactorizedReduce is two, each to half of the channels, whose depthwise
// part is a pixel: the one at twice the output's position, and its neighbour in both axes.
//
// A block has 128 threads and a *panel* of 16, 32 or 64 channels of the product's result, the fewest that
// hold all or else 64; with them 2048 / panel pixels, so a thread always has 4 pixels x 4 channels of it. The
// channels summed over come in slices of half a panel: a slice's depthwise convolution is then 128 columns of
// 8 outputs, one a thread.
#pragma once

#include "kernels/mixed_state/output_tiles.h"

struct SeparablePath {
  const float* x;
  const float* mean;  ///< null: x is not normalised
  const float* variance;
  const float* depthwise;  ///< [c, taps, taps]; null: of taps 1, the pixel as it is
  const float* pointwise;  ///< [outs, c]
  int32_t taps, dilation;
  int32_t origin;           ///< an output's first tap lies at stride * output + origin
  int32_t first_out, outs;  ///< its channels of y
};

struct SeparableShape {
  int64_t n, h, w, p, q;
  int32_t c;  ///< c^2 counts elements, so it is below 2^20
  float eps;
};

inline constexpr int kSeparableThreads = 128;
/// Paths of one launch: its parameters stay below 4 KB.
inline constexpr int kSeparablePaths = 24;

constexpr int separable_panel(int64_t channels) { return channels <= 16 ? 16 : channels <= 32 ? 32 : 64; }

template <int kPanel>
struct SeparableTile {
  static constexpr int kRows = 8, kColumns = 256 / kPanel, kPixels = kRows * kColumns;
  static constexpr int kSlice = kPanel / 2;
  /// Of [channel][pixel] in shared memory: columns of neighbouring channels then lie in different banks.
  static constexpr int kPixelPitch = kPixels + kColumns;
  static constexpr int kPanelPitch = kPanel + 4;  ///< of [channel summed over][panel]
};
constexpr OutputTiles separable_tiles(int64_t n, int64_t p, int64_t q, int panel) {
  return {n, p, q, 8, 256 / panel};
}

/// The inputs of a tile of outputs in shared memory, one plane a channel: `reach` inputs more than the
/// outputs' own. At stride 2 the even columns of a row come before its odd ones, so neighbouring outputs read
/// neighbouring words.
struct TileInputs {
  int rows, columns, row_pitch, plane;

  /// `lanes`: threads along the columns. Planes lie that many banks apart.
  constexpr TileInputs(int out_rows, int out_columns, int stride, int reach, int lanes)
      : rows((out_rows - 1) * stride + 1 + reach),
        columns((out_columns - 1) * stride + 1 + reach),
        row_pitch((columns + stride - 1) / stride * stride),
        plane(rows * row_pitch + ((lanes - rows * row_pitch) % 32 + 32) % 32) {}
  template <int kStride>
  constexpr int column(int at) const {
    return kStride == 1 ? at : at % 2 * (row_pitch / 2) + at / 2;
  }
};
