// A tile of pixels of an image for channels of several groups, into shared memory:
// [pixel][group][channel], zero where the image or the group has nothing.
#pragma once

#include "device/floats.cuh"
#include "kernels/conv2d_grouped/correlation.h"

struct TilePixels {
  int64_t image;
  int rows, columns;                           ///< of the image
  int first_row, first_column, height, width;  ///< of the tile; may lie beyond the image
};

struct TileChannels {
  int64_t pixel;               ///< elements between neighbouring pixels in global memory
  int groups, group_channels;  ///< that there are
  int first_group, block_groups;
  int first, chunk;  ///< channels of each group: from, and how many, of which some may not be there
  bool vectors;      ///< whether kWidth channels are one access in global memory
};

/// All threads call; a thread keeps to its channels.
template <int kWidth>
__device__ inline void load_tile(const float* from, const TilePixels& pixels, const TileChannels& channels,
                                 const InputPrologue& prologue, float* tile) {
  const int threads = static_cast<int>(blockDim.x * blockDim.y);
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  const int group_vectors = channels.chunk / kWidth, vectors = channels.block_groups * group_vectors;
  const int lanes = min(vectors, threads), step = threads / lanes;
  if (thread >= lanes * step) return;
  for (int vector = thread % lanes; vector < vectors; vector += lanes) {
    const int group = channels.first_group + vector / group_vectors;
    const int in_group = channels.first + vector % group_vectors * kWidth;
    const int count = group < channels.groups ? channels.group_channels - in_group : 0;  // that there are
    const int channel = group * channels.group_channels + in_group;
    Floats<kWidth> scale = Floats<kWidth>::all(0), shift = scale;
#pragma unroll
    for (int v = 0; v < kWidth; ++v) {
      if (prologue.scale && v < count)
        scale[v] = prologue.scale[channel + v], shift[v] = prologue.shift[channel + v];
    }
    int row = 0, column = thread / lanes;
    for (;; column += step) {
      while (column >= pixels.width && row < pixels.height) column -= pixels.width, ++row;
      if (row >= pixels.height) break;
      Floats<kWidth> x = Floats<kWidth>::all(0);
      const int h = pixels.first_row + row, w = pixels.first_column + column;
      if (h >= 0 && h < pixels.rows && w >= 0 && w < pixels.columns && count > 0) {
        const float* const at =
            from + ((pixels.image * pixels.rows + h) * pixels.columns + w) * channels.pixel + channel;
        if (channels.vectors) {
          x = Floats<kWidth>::load(at);
        } else {
#pragma unroll
          for (int v = 0; v < kWidth; ++v)
            if (v < count) x[v] = at[v];
        }
        if (prologue.scale) {
#pragma unroll
          for (int v = 0; v < kWidth; ++v) {
            const float value = fmaf(x[v], scale[v], shift[v]);
            x[v] = prologue.relu && value < 0 ? 0 : value;
          }
        }
      }
      x.store(tile + ((row * pixels.width + column) * vectors + vector) * kWidth);
    }
  }
}
