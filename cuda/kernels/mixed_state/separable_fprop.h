// Parameters of separable_fprop.cu.
#pragma once

#include <array>

#include "kernels/mixed_state/separable.h"

struct SeparableFpropPath : SeparablePath {
  float* y;
  float* partials;  ///< of tile_statistics: [tile][2][outs]; null: no statistics
};

/// Paths of a state that a block takes together, their x in shared memory once: those of a DARTS cell's
/// state. At stride 2 they are 3x3, 5x5, both dilated ones and two halves of FactorizedReduce.
constexpr int separable_group(int stride) { return stride == 1 ? 4 : 6; }

struct SeparableFpropParameters {
  SeparableShape shape;
  OutputTiles tiles;
  int32_t panels;
  int32_t first_tap, reach;  ///< of the windows of all paths: from the least origin on
  std::array<uint8_t, kSeparablePaths + 1> group_begin;
  SeparableFpropPath path[kSeparablePaths];
};

/// Floats of shared memory.
template <int kPanel>
constexpr int separable_fprop_shared(const TileInputs& inputs) {
  using Tile = SeparableTile<kPanel>;
  return Tile::kSlice * (2 + Tile::kPixelPitch + Tile::kPanelPitch + 25 + inputs.plane);
}
