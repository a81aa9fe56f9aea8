// state_pools_dgrad: dx [N, H, W, C] from the gradients g of all edges that leave a state at a stride: what
// the 3x3 max, the 3x3 average (padding 1) and, at stride 1, the identity of those edges hand back
// (native/ops/mixed_state.h).
//
// Variants: by stride, and vectors of 4 channels or scalars in global memory. A block has 8 x 8 pixels of dx
// and 16 channels. For the outputs whose windows reach it (10 x 10 at stride 1) it adds up a g over the
// edges, reading a g once for all its terms, into tiles of d max and d average in shared memory; from these
// every pixel gathers its windows. Bytes: for each output of each tile 4 an edge, 5 for the maximum, 4 for
// the average; dx 4 an element (accumulate: 8); 4 a tile and channel for each coefficient. FLOPs: 2 an edge's
// term and output, 10 to 20 a pixel. Roofline: memory. Bench: lapidary bench --device cuda --kernel
// state_pools_dgrad
#include "device/floats.cuh"
#include "kernels/mixed_state/state_pools.h"

namespace {

constexpr int kVectors = kPoolChannels / 4;

__device__ void add_product(Floats<4>& sum, Floats<4> a, Floats<4> x) {
#pragma unroll
  for (int v = 0; v < 4; ++v) sum.at[v] += a.at[v] * x.at[v];
}

/// 4 channels from c on; zeros beyond the last one.
template <bool kVector>
__device__ Floats<4> load_channels(const float* from, int64_t c, int64_t channels) {
  if constexpr (kVector) {
    return c < channels ? Floats<4>::load(from) : Floats<4>::all(0);
  } else {
    Floats<4> made;
#pragma unroll
    for (int v = 0; v < 4; ++v) made.at[v] = c + v < channels ? from[v] : 0;
    return made;
  }
}

template <int kStride, bool kVector>
__device__ void dgrad(const StatePoolsDgradParameters& p) {
  // Outputs whose windows reach pixel h: those with |stride output - h| <= 1.
  constexpr int kSide = kStride == 1 ? kPoolTile + 2 : kPoolTile / 2 + 1;
  __shared__ Floats<4> factors[kPoolTerms][kVectors];  // a of each term
  __shared__ Floats<4> slopes[2][kVectors],
      shifts[2][kVectors];  // sums of b and d of the maximum, of the average
  __shared__ Floats<4> dmax[kSide][kSide][kVectors], daverage[kSide][kSide][kVectors];
  __shared__ Floats<4> identity[kPoolTile][kPoolTile][kVectors];
  __shared__ uchar4 taps[kSide][kSide][kVectors];
  const int64_t slices = pool_slices(p.c), first_channel = blockIdx.x % slices * kPoolChannels;
  const OutputTiles::Place at = p.tiles.place(blockIdx.x / slices);

  for (int i = threadIdx.x; i < p.terms * kPoolChannels; i += kPoolThreads) {
    const int64_t c = first_channel + i % kPoolChannels;
    factors[i / kPoolChannels][i % kPoolChannels / 4].at[i % 4] =
        c < p.c ? p.term[i / kPoolChannels].coefficients[c] : 0;
  }
  if (threadIdx.x < 4 * kPoolChannels) {
    const int channel = static_cast<int>(threadIdx.x) % kPoolChannels;
    const int which = static_cast<int>(threadIdx.x) / kPoolChannels % 2,
              part = static_cast<int>(threadIdx.x) / kPoolChannels / 2;
    const int64_t c = first_channel + channel;
    float sum = 0;
    for (int t = 0; c < p.c && t < p.terms; ++t)
      if (static_cast<int>(p.term[t].kind) == which) sum += p.term[t].coefficients[(1 + part) * p.c + c];
    (part == 0 ? slopes : shifts)[which][channel / 4].at[channel % 4] = sum;
  }
  __syncthreads();

  const int64_t top = kStride == 1 ? at.row - 1 : at.row / 2,
                left = kStride == 1 ? at.column - 1 : at.column / 2;
  for (int item = threadIdx.x; item < kSide * kSide * kVectors; item += kPoolThreads) {
    const int vector = item % kVectors, row = item / kVectors / kSide, column = item / kVectors % kSide;
    const int64_t i = top + row, j = left + column, c = first_channel + vector * 4;
    const bool inside = i >= 0 && i < p.p && j >= 0 && j < p.q && c < p.c;
    const int64_t out = ((at.n * p.p + i) * p.q + j) * p.c + c;
    Floats<4> sums[3];
#pragma unroll
    for (Floats<4>& sum : sums) sum = Floats<4>::all(0);
    uchar4 tap = make_uchar4(255, 255, 255, 255);
    if (inside) {
      const float* read = nullptr;
      Floats<4> g = Floats<4>::all(0);
      for (int t = 0; t < p.terms; ++t) {
        if (p.term[t].g != read) read = p.term[t].g, g = load_channels<kVector>(read + out, c, p.c);
        const Floats<4> factor = factors[t][vector];
        const PoolKind kind = p.term[t].kind;
        if (kind == PoolKind::Max)
          add_product(sums[0], factor, g);
        else if (kind == PoolKind::Average)
          add_product(sums[1], factor, g);
        else
          add_product(sums[2], factor, g);
      }
      if (p.has_max) {
        add_product(sums[0], slopes[0][vector], load_channels<kVector>(p.max + out, c, p.c));
        sums[0] = sums[0] + shifts[0][vector];
        if constexpr (kVector) {
          tap = *reinterpret_cast<const uchar4*>(p.max_tap + out);
        } else {
          tap.x = p.max_tap[out];
          if (c + 1 < p.c) tap.y = p.max_tap[out + 1];
          if (c + 2 < p.c) tap.z = p.max_tap[out + 2];
          if (c + 3 < p.c) tap.w = p.max_tap[out + 3];
        }
      }
      if (p.has_average) {
        add_product(sums[1], slopes[1][vector], load_channels<kVector>(p.average + out, c, p.c));
        sums[1] = sums[1] + shifts[1][vector];
        // Shared out among the taps of the window that are inside.
        const int64_t r_begin = i * kStride - 1, s_begin = j * kStride - 1;
        const int64_t rows = min(r_begin + 3, p.tiles.p) - max(r_begin, int64_t{0});
        const int64_t columns = min(s_begin + 3, p.tiles.q) - max(s_begin, int64_t{0});
#pragma unroll
        for (float& each : sums[1].at) each /= static_cast<float>(rows * columns);
      }
    }
    dmax[row][column][vector] = sums[0], daverage[row][column][vector] = sums[1];
    taps[row][column][vector] = tap;
    if constexpr (kStride == 1) {
      if (row >= 1 && row <= kPoolTile && column >= 1 && column <= kPoolTile)
        identity[row - 1][column - 1][vector] = sums[2];
    }
  }
  __syncthreads();

  const int vector = static_cast<int>(threadIdx.x) % kVectors,
            pixel = static_cast<int>(threadIdx.x) / kVectors;
  const int row = pixel / kPoolTile, column = pixel % kPoolTile;
  const int64_t c = first_channel + vector * 4, h = at.row + row, w = at.column + column;
  if (h >= p.tiles.p || w >= p.tiles.q || c >= p.c) return;
  float* to = p.dx + ((at.n * p.tiles.p + h) * p.tiles.q + w) * p.c + c;
  Floats<4> dx = p.accumulate ? load_channels<kVector>(to, c, p.c) : Floats<4>::all(0);
  if constexpr (kStride == 1) dx = dx + identity[row][column][vector];
  // Windows that reach it in the tile: at stride 1 rows row to row + 2, where it is tap 2 to 0; at stride 2
  // for an even row the one at row / 2 as tap 1, for an odd one those at row / 2 and row / 2 + 1 as taps 2
  // and 0.
  const int windows_down = kStride == 1 ? 3 : 1 + row % 2, windows_across = kStride == 1 ? 3 : 1 + column % 2;
#pragma unroll
  for (int r = 0; r < (kStride == 1 ? 3 : 2); ++r) {
#pragma unroll
    for (int s = 0; s < (kStride == 1 ? 3 : 2); ++s) {
      if (r >= windows_down || s >= windows_across) continue;
      const int i = row / kStride + r, j = column / kStride + s;
      const int tap_row = kStride == 1 ? 2 - r : row % 2 + 1 - 2 * r;
      const int tap = 3 * tap_row + (kStride == 1 ? 2 - s : column % 2 + 1 - 2 * s);
      const uchar4 chosen = taps[i][j][vector];
      const unsigned char of[4] = {chosen.x, chosen.y, chosen.z, chosen.w};
      const Floats<4> max_part = dmax[i][j][vector];
#pragma unroll
      for (int v = 0; v < 4; ++v) dx.at[v] += of[v] == tap ? max_part.at[v] : 0;
      dx = dx + daverage[i][j][vector];
    }
  }
  if constexpr (kVector) {
    dx.store_global(to);
  } else {
#pragma unroll
    for (int v = 0; v < 4; ++v)
      if (c + v < p.c) to[v] = dx.at[v];
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kPoolThreads)
    state_pools_dgrad_vectors_1(const StatePoolsDgradParameters p) {
  dgrad<1, true>(p);
}
extern "C" __global__ void __launch_bounds__(kPoolThreads)
    state_pools_dgrad_vectors_2(const StatePoolsDgradParameters p) {
  dgrad<2, true>(p);
}
extern "C" __global__ void __launch_bounds__(kPoolThreads)
    state_pools_dgrad_scalars_1(const StatePoolsDgradParameters p) {
  dgrad<1, false>(p);
}
extern "C" __global__ void __launch_bounds__(kPoolThreads)
    state_pools_dgrad_scalars_2(const StatePoolsDgradParameters p) {
  dgrad<2, false>(p);
}
