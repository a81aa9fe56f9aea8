// Convolution of several channels a group, fprop and dgrad, by tiles.
//
// A block computes a tile of outputs of one image for the channels of one or several groups (or a part of
// a large one's). The inputs that the tile needs, halo included, lie in shared memory, a chunk of channels of
// each group at a time, padded with zeros to whole vectors; the filter lies beside it a row of taps at a
// time, output channels fastest. A thread computes 4 neighbouring outputs of a row by 4 channels: for 4 input
// channels it loads 8 vectors from shared memory and multiplies and adds 64 times. dgrad is the same over dy,
// with strides a phase of positions at a time (correlation.h).
// Variants: ins_I_outs_O: I input channels a vector, O output channels a thread, 4 or 1 (groups of 1 and 2).
// Bytes: 4 times: all inputs that the tiles load, for every part of the output channels; the filter's taps
//        once a tile; the output, residual, addend and rectified once; statistics 3 K a tile written, and
//        read again by merge_statistics.
// FLOPs: 2 R S C/groups an output. Roofline: memory up to some 8 channels a group, then FMA.
// Bench: lapidary bench --device cuda --kernel conv2d_fprop
//        --problem "N=32 H=28 W=28 C=256 K=256 groups=32 R=3 S=3 pad_h=1 pad_w=1"
#include "kernels/conv2d_grouped/grouped_correlation.h"

#include "kernels/conv2d_grouped/block_statistics.cuh"
#include "kernels/conv2d_grouped/fused_operands.cuh"
#include "kernels/conv2d_grouped/load_tile.cuh"

namespace {

constexpr int kStrip = kGroupedStrip;

/// The tile of a block and the channels it has.
struct Block {
  CorrelationPhase rows, columns;
  int64_t image, tile;
  int first_row, first_column, first_group, first_out;
  int tile_height, tile_width;  ///< of inputs

  __device__ explicit Block(const GroupedCorrelation& g) {
    const Correlation& p = g.correlation;
    const int group_parts = (p.groups + g.block_groups - 1) / g.block_groups;
    const int row_tiles = p.rows.tiles(g.tile_rows), column_tiles = p.columns.tiles(g.tile_columns);
    int rest = static_cast<int>(blockIdx.x);
    first_out = rest % g.out_parts * g.block_outs;
    rest /= g.out_parts;
    first_group = rest % group_parts * g.block_groups;
    rest /= group_parts;
    tile = rest;
    first_column = rest % column_tiles * g.tile_columns;
    rest /= column_tiles;
    first_row = rest % row_tiles * g.tile_rows;
    rest /= row_tiles;
    columns = p.columns.phase(rest % p.columns.phases());
    rest /= p.columns.phases();
    rows = p.rows.phase(rest % p.rows.phases());
    image = rest / p.rows.phases();
    tile_height = rows.span(g.tile_rows), tile_width = columns.span(g.tile_columns);
  }
};

/// Loads the inputs of channels [first, first + chunk_ins) of each group.
template <int kIn>
__device__ inline void load_inputs(const GroupedCorrelation& g, const Block& block, int first, float* tile) {
  const Correlation& p = g.correlation;
  const TilePixels pixels{block.image,
                          p.rows.ins,
                          p.columns.ins,
                          block.first_row * block.rows.in_stride + block.rows.in_first,
                          block.first_column * block.columns.in_stride + block.columns.in_first,
                          block.tile_height,
                          block.tile_width};
  const TileChannels channels{p.in_pixel,     p.groups, p.group_ins, block.first_group,
                              g.block_groups, first,    g.chunk_ins, g.vector_ins};
  load_tile<kIn>(p.in, pixels, channels, p.prologue, tile);
}

/// Loads one row of taps of the same input channels: [tap][channel][block's output channels].
__device__ inline void load_filter(const GroupedCorrelation& g, const Block& block, int first, int tap_row,
                                   float* filter) {
  const Correlation& p = g.correlation;
  const int threads = static_cast<int>(blockDim.x * blockDim.y);
  const int pitch = g.block_groups * g.block_outs + kGroupedFilterPad;
  const int taps = block.columns.taps, count = g.block_groups * g.block_outs * taps * g.chunk_ins;
  const bool ins_fastest = p.filter_in == 1;
  for (int i = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x); i < count; i += threads) {
    const int fast = ins_fastest ? g.chunk_ins : g.block_outs;
    const int slow = ins_fastest ? g.block_outs : g.chunk_ins;
    int rest = i / fast;
    const int in_fast = i - rest * fast, s = rest % taps;
    rest /= taps;
    const int group = rest / slow, in_slow = rest - group * slow;
    const int in = ins_fastest ? in_fast : in_slow, out = ins_fastest ? in_slow : in_fast;
    const int tap = tap_row * p.columns.taps + block.columns.tap_first + s * block.columns.tap_stride;
    float weight = 0;
    if (block.first_group + group < p.groups && first + in < p.group_ins &&
        block.first_out + out < p.group_outs) {
      weight = p.filter[(block.first_group + group) * p.filter_group + (first + in) * p.filter_in +
                        (block.first_out + out) * p.filter_out + tap * p.filter_tap];
    }
    filter[(s * g.chunk_ins + in) * pitch + group * g.block_outs + out] = weight;
  }
}

template <int kIn, int kOut>
__device__ inline void correlate(const GroupedCorrelation& g) {
  extern __shared__ float4 shared[];
  const Correlation& p = g.correlation;
  const Block block(g);
  if (block.first_row >= block.rows.outs || block.first_column >= block.columns.outs) return;
  float* const tile = reinterpret_cast<float*>(shared);
  float* const filter = tile + g.tile_floats;

  const int group_threads = g.block_outs / kOut;
  const int group = static_cast<int>(threadIdx.x) / group_threads;
  const int out = static_cast<int>(threadIdx.x) % group_threads * kOut;
  const int strips = g.tile_columns / kStrip;
  const int row = static_cast<int>(threadIdx.y) / strips;
  const int column = static_cast<int>(threadIdx.y) % strips * kStrip;
  const int tile_pitch = g.block_groups * g.chunk_ins;
  const int filter_pitch = g.block_groups * g.block_outs + kGroupedFilterPad;

  Floats<kOut> sums[kStrip];
#pragma unroll
  for (int j = 0; j < kStrip; ++j) sums[j] = Floats<kOut>::all(0);
  const int filter_rows = block.columns.taps > 0 ? block.rows.taps : 0;
  for (int first = 0; first < p.group_ins; first += g.chunk_ins) {
    for (int r = 0; r < filter_rows; ++r) {
      __syncthreads();
      if (r == 0) load_inputs<kIn>(g, block, first, tile);
      load_filter(g, block, first, block.rows.tap_first + r * block.rows.tap_stride, filter);
      __syncthreads();
      const float* const from = tile +
                                ((row * block.rows.in_stride + r * block.rows.tap_step) * block.tile_width +
                                 column * block.columns.in_stride) *
                                    tile_pitch +
                                group * g.chunk_ins;
      const float* const weights = filter + group * g.block_outs + out;
      const int strip_step = block.columns.in_stride * tile_pitch;
      for (int s = 0; s < block.columns.taps; ++s) {
        for (int in = 0; in < g.chunk_ins; in += kIn) {
          Floats<kIn> x[kStrip];
#pragma unroll
          for (int j = 0; j < kStrip; ++j)
            x[j] = Floats<kIn>::load(from + s * block.columns.tap_step * tile_pitch + j * strip_step + in);
#pragma unroll
          for (int v = 0; v < kIn; ++v) {
            const auto weight = Floats<kOut>::load(weights + (s * g.chunk_ins + in + v) * filter_pitch);
#pragma unroll
            for (int j = 0; j < kStrip; ++j) {
#pragma unroll
              for (int k = 0; k < kOut; ++k) sums[j][k] = fmaf(x[j][v], weight[k], sums[j][k]);
            }
          }
        }
      }
    }
  }

  const int own_group = block.first_group + group, own_out = block.first_out + out;
  const int channel = own_group * p.group_outs + own_out;
  const int width = own_group < p.groups ? min(kOut, p.group_outs - own_out) : 0;
  unsigned valid = 0;
  if (width > 0 && block.first_row + row < block.rows.outs) {
    const int64_t h = block.rows.out_first + int64_t{block.first_row + row} * block.rows.out_step;
    int64_t pixels[kStrip];
#pragma unroll
    for (int j = 0; j < kStrip; ++j) {
      const int at = block.first_column + column + j;
      if (at < block.columns.outs) valid |= 1u << j;
      const int64_t w = block.columns.out_first + int64_t{at} * block.columns.out_step;
      pixels[j] = (block.image * p.rows.outs + h) * p.columns.outs + w;
    }
    if (g.vector_outs) {
      const ChannelEpilogue<kOut> epilogue(p, channel);
#pragma unroll
      for (int j = 0; j < kStrip; ++j)
        if (valid >> j & 1) epilogue.store(sums[j], pixels[j]);
    } else {
#pragma unroll
      for (int k = 0; k < kOut; ++k) {
        if (k >= width) break;
        const ChannelEpilogue<1> epilogue(p, channel + k);
#pragma unroll
        for (int j = 0; j < kStrip; ++j)
          if (valid >> j & 1) epilogue.store({{sums[j][k]}}, pixels[j]);
      }
    }
  }
  if (p.statistics) {
    const int count = min(g.tile_rows, block.rows.outs - block.first_row) *
                      min(g.tile_columns, block.columns.outs - block.first_column);
    store_statistics<kOut>(sums, valid, static_cast<float>(count), p.statistics, block.tile,
                           int64_t{p.groups} * p.group_outs, channel, width, tile);
  }
}

}  // namespace

#define LAPIDARY_VARIANT(ins, outs)                                                                       \
  extern "C" __global__ void __launch_bounds__(256) ins_##ins##_outs_##outs(const GroupedCorrelation p) { \
    correlate<ins, outs>(p);                                                                              \
  }
LAPIDARY_VARIANT(4, 4)
LAPIDARY_VARIANT(4, 1)
LAPIDARY_VARIANT(1, 4)
LAPIDARY_VARIANT(1, 1)
