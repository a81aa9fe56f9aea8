// dfilter of a convolution of several channels a group, by tiles.
//
// A block takes the tiles of one chunk for the channels of one or several groups (or parts of a large one's):
// dy's tile and the inputs that it meets, halo included, lie in shared memory, padded with zeros to whole
// vectors of channels. A thread has an item: one tap by 4 input and 4 output channels of a group, 16 sums for
// two vectors loaded; neighbouring threads share one of them. Where there are few items, slices of the tile's
// pixels are added in a tree at the end; sum_partials adds the chunks, whose number depends on the problem.
// Variants: ins_I_outs_O: channels of a vector, 4 or 1 (groups of 1 and 2).
// Bytes: 4 times: the inputs that the tiles load for every part of the output channels and of the items; dy
//        for every part of the input channels and of the items; K R S C/groups chunks of partial sums
//        written, and read again by sum_partials; dfilter.
// FLOPs: 2 R S C/groups an element of dy. Roofline: memory up to some 8 channels a group, then FMA.
// Bench: lapidary bench --device cuda --kernel conv2d_wgrad
//        --problem "N=32 H=28 W=28 C=256 K=256 groups=32 R=3 S=3 pad_h=1 pad_w=1"
#include "kernels/conv2d_grouped/block_statistics.cuh"
#include "kernels/conv2d_grouped/filter_gradient.h"
#include "kernels/conv2d_grouped/load_tile.cuh"

namespace {

template <int kIn, int kOut>
__device__ inline void gradient(const GroupedFilterGradient& g) {
  extern __shared__ float4 shared[];
  const FilterGradient& p = g.gradient;
  float* const x_tile = reinterpret_cast<float*>(shared);
  float* const dy_tile = x_tile + g.x_floats;
  int64_t rest = blockIdx.x;
  const int item_part = static_cast<int>(rest % g.item_parts);
  rest /= g.item_parts;
  const int first_in = static_cast<int>(rest % g.in_parts) * g.block_ins;
  rest /= g.in_parts;
  const int first_out = static_cast<int>(rest % g.out_parts) * g.block_outs;
  rest /= g.out_parts;
  const int first_group = static_cast<int>(rest % g.group_parts) * g.block_groups;
  const int64_t chunk = rest / g.group_parts;

  // The item: input vectors fastest, then output vectors, groups, taps.
  const int item = item_part * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
  const int in_vectors = g.block_ins / kIn, out_vectors = g.block_outs / kOut;
  int of = item / in_vectors;
  const int in = item % in_vectors * kIn, out = of % out_vectors * kOut;
  of /= out_vectors;
  const int group = of % g.block_groups, tap = of / g.block_groups;
  const int r = tap / p.columns.taps, s = tap % p.columns.taps;
  const bool active = item < g.items;

  const int x_pitch = g.block_groups * g.block_ins, dy_pitch = g.block_groups * g.block_outs;
  const CorrelationPhase rows = p.rows.phase(0), columns = p.columns.phase(0);
  const int tile_height = rows.span(g.tile_rows), tile_width = columns.span(g.tile_columns);
  const int row_tiles = p.rows.tiles(g.tile_rows), column_tiles = p.columns.tiles(g.tile_columns);
  const float* const item_x =
      x_tile + (r * rows.tap_step * tile_width + s * columns.tap_step) * x_pitch + group * g.block_ins + in;
  const float* const item_dy = dy_tile + group * g.block_outs + out;

  Floats<kIn> sums[kOut];
#pragma unroll
  for (int k = 0; k < kOut; ++k) sums[k] = Floats<kIn>::all(0);
  const TileChannels x_channels{p.x_pixel,      p.groups, p.group_ins, first_group,
                                g.block_groups, first_in, g.block_ins, g.vector_ins};
  const TileChannels dy_channels{p.y_pixel,      p.groups,  p.group_outs, first_group,
                                 g.block_groups, first_out, g.block_outs, g.vector_outs};
  const int64_t end = min(p.units, (chunk + 1) * p.chunk_units);
  for (int64_t unit = chunk * p.chunk_units; unit < end; ++unit) {
    const int64_t tile_row = unit / column_tiles, image = tile_row / row_tiles;
    const int first_row = static_cast<int>(tile_row - image * row_tiles) * g.tile_rows;
    const int first_column = static_cast<int>(unit - tile_row * column_tiles) * g.tile_columns;
    __syncthreads();
    load_tile<kIn>(p.x,
                   {image, p.rows.ins, p.columns.ins, first_row * rows.in_stride + rows.in_first,
                    first_column * columns.in_stride + columns.in_first, tile_height, tile_width},
                   x_channels, p.prologue, x_tile);
    load_tile<kOut>(
        p.dy, {image, p.rows.outs, p.columns.outs, first_row, first_column, g.tile_rows, g.tile_columns},
        dy_channels, InputPrologue{}, dy_tile);
    __syncthreads();
    if (!active) continue;
    int row = 0, column = static_cast<int>(threadIdx.y);
    for (;; column += static_cast<int>(blockDim.y)) {
      while (column >= g.tile_columns && row < g.tile_rows) column -= g.tile_columns, ++row;
      if (row >= g.tile_rows) break;
      const auto x = Floats<kIn>::load(
          item_x + (row * rows.in_stride * tile_width + column * columns.in_stride) * x_pitch);
      const auto dy = Floats<kOut>::load(item_dy + (row * g.tile_columns + column) * dy_pitch);
#pragma unroll
      for (int k = 0; k < kOut; ++k) {
#pragma unroll
        for (int c = 0; c < kIn; ++c) sums[k][c] = fmaf(x[c], dy[k], sums[k][c]);
      }
    }
  }

#pragma unroll
  for (int k = 0; k < kOut; ++k) {
    const Floats<kIn> sum = sum_over_slices(sums[k], x_tile);
    const int own_out = first_out + out + k, own_in = first_in + in;
    if (threadIdx.y != 0 || !active || first_group + group >= p.groups || own_out >= p.group_outs) continue;
    const int64_t filter = int64_t{first_group + group} * p.group_outs + own_out;
    float* const to = p.partials + chunk * p.filter_count +
                      ((filter * p.rows.taps + r) * p.columns.taps + s) * p.group_ins + own_in;
#pragma unroll
    for (int c = 0; c < kIn; ++c)
      if (own_in + c < p.group_ins) to[c] = sum[c];
  }
}

}  // namespace

#define LAPIDARY_VARIANT(ins, outs)                                                                          \
  extern "C" __global__ void __launch_bounds__(256) ins_##ins##_outs_##outs(const GroupedFilterGradient p) { \
    gradient<ins, outs>(p);                                                                                  \
  }
LAPIDARY_VARIANT(4, 4)
LAPIDARY_VARIANT(4, 1)
LAPIDARY_VARIANT(1, 4)
LAPIDARY_VARIANT(1, 1)
