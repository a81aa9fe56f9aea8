// state_pools: the 3x3 max and average pool, padding 1, of x [N, H, W, C] at stride 1 or 2, and their
// statistics; padding counts neither as a maximum nor in an average.
//
// Variants: by stride, and vectors of 4 channels or scalars in global memory. A block brings the inputs of 8
// x 8 outputs for 16 channels into shared memory, from which both pools are taken; a thread has one output
// and 4 channels. Mean and squared deviations of a tile are reduced by shuffles and shared memory;
// tile_statistics.cu merges the tiles. Bytes: of x 4 an element of each tile's inputs (at stride 1 100 for 64
// outputs), written 5 an output for the maximum, 4 for the average; 8 a tile and channel for the statistics
// of each, read as tile_statistics.cu says. FLOPs: 9 an output and pool. Roofline: memory. Bench: lapidary
// bench --device cuda --kernel state_pools
#include "kernels/mixed_state/state_pools.h"

#include <cuda/std/limits>

#include "device/floats.cuh"
#include "device/warp_reduce.cuh"

namespace {

constexpr int kVectors = kPoolChannels / 4;

/// The sum over the block's pixels of each thread's 4 channels, in every thread.
__device__ Floats<4> sum_of_pixels(Floats<4> (&of_warps)[kPoolThreads / 32][kVectors], Floats<4> value) {
#pragma unroll
  for (unsigned mask = 16; mask >= kVectors; mask /= 2) value = value + shuffle_xor(value, mask);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (lane < kVectors) of_warps[threadIdx.x / 32][lane] = value;
  __syncthreads();
  Floats<4> sum = of_warps[0][lane % kVectors];
#pragma unroll
  for (int warp = 1; warp < kPoolThreads / 32; ++warp) sum = sum + of_warps[warp][lane % kVectors];
  return sum;
}

/// (mean, squared deviations) of the tile's outputs, those that are inside.
__device__ void write_statistics(Floats<4> value, bool inside, int pixels, int64_t tile, int64_t c,
                                 int64_t channels, float* partials) {
  __shared__ Floats<4> sums[kPoolThreads / 32][kVectors], squares[kPoolThreads / 32][kVectors];
  __syncthreads();  // an earlier call's have been read
  const Floats<4> sum = sum_of_pixels(sums, inside ? value : Floats<4>::all(0));
  Floats<4> mean, deviation;
#pragma unroll
  for (int v = 0; v < 4; ++v) {
    mean.at[v] = sum.at[v] / static_cast<float>(pixels);
    const float each = value.at[v] - mean.at[v];
    deviation.at[v] = inside ? each * each : 0;
  }
  const Floats<4> square = sum_of_pixels(squares, deviation);
  if (threadIdx.x >= kVectors) return;
  float* to = partials + 2 * tile * channels + c;
#pragma unroll
  for (int v = 0; v < 4; ++v)
    if (c + v < channels) to[v] = mean.at[v], to[channels + v] = square.at[v];
}

template <int kStride, bool kVector>
__device__ void pools(const StatePoolsParameters& p) {
  constexpr int kSide = (kPoolTile - 1) * kStride + 3;
  __shared__ Floats<4> inputs[kSide][kSide][kVectors];
  const int64_t slices = pool_slices(p.c), tile = blockIdx.x / slices;
  const int64_t first_channel = blockIdx.x % slices * kPoolChannels;
  const OutputTiles::Place at = p.tiles.place(tile);
  const int64_t top = at.row * kStride - 1, left = at.column * kStride - 1;

  constexpr int kLoads = kVector ? kVectors : kPoolChannels;  // of a pixel
  for (int i = threadIdx.x; i < kSide * kSide * kLoads; i += kPoolThreads) {
    const int row = i / kLoads / kSide, column = i / kLoads % kSide, load = i % kLoads;
    const int64_t h = top + row, w = left + column, c = first_channel + load * (kPoolChannels / kLoads);
    const bool inside = h >= 0 && h < p.h && w >= 0 && w < p.w && c < p.c;
    const float* from = p.x + ((at.n * p.h + h) * p.w + w) * p.c + c;
    if constexpr (kVector)
      inputs[row][column][load] = inside ? Floats<4>::load(from) : Floats<4>::all(0);
    else
      inputs[row][column][load / 4].at[load % 4] = inside ? *from : 0;
  }
  __syncthreads();

  const int vector = static_cast<int>(threadIdx.x) % kVectors,
            pixel = static_cast<int>(threadIdx.x) / kVectors;
  const int row = pixel / kPoolTile, column = pixel % kPoolTile;
  const int64_t c = first_channel + vector * 4, i = at.row + row, j = at.column + column;
  const bool inside = i < p.tiles.p && j < p.tiles.q;
  // The taps inside the image.
  const int64_t bottom = p.h - (i * kStride - 1), right = p.w - (j * kStride - 1);
  const int r_begin = i == 0, r_end = bottom < 3 ? static_cast<int>(bottom) : 3;
  const int s_begin = j == 0, s_end = right < 3 ? static_cast<int>(right) : 3;
  Floats<4> best = Floats<4>::all(-cuda::std::numeric_limits<float>::infinity()), sum = Floats<4>::all(0);
  int where[4];
#pragma unroll
  for (int& each : where) each = 3 * r_begin + s_begin;
#pragma unroll
  for (int r = 0; r < 3; ++r) {
#pragma unroll
    for (int s = 0; s < 3; ++s) {
      if (r < r_begin || r >= r_end || s < s_begin || s >= s_end) continue;
      const Floats<4> x = inputs[row * kStride + r][column * kStride + s][vector];
      sum = sum + x;
#pragma unroll
      for (int v = 0; v < 4; ++v) {
        // NaN wins, and stays.
        if (!(x.at[v] <= best.at[v]) && best.at[v] == best.at[v]) best.at[v] = x.at[v], where[v] = 3 * r + s;
      }
    }
  }
  const auto taps = static_cast<float>((r_end - r_begin) * (s_end - s_begin));
#pragma unroll
  for (float& each : sum.at) each /= taps;

  const int64_t to = ((at.n * p.tiles.p + i) * p.tiles.q + j) * p.c + c;
  if (inside && c < p.c) {
    if constexpr (kVector) {
      if (p.max) {
        best.store_global(p.max + to);
        const auto tap = [&](int v) { return static_cast<unsigned char>(where[v]); };
        *reinterpret_cast<uchar4*>(p.max_tap + to) = make_uchar4(tap(0), tap(1), tap(2), tap(3));
      }
      if (p.average) sum.store_global(p.average + to);
    } else {
#pragma unroll
      for (int v = 0; v < 4; ++v) {
        if (c + v >= p.c) break;
        if (p.max) p.max[to + v] = best.at[v], p.max_tap[to + v] = static_cast<uint8_t>(where[v]);
        if (p.average) p.average[to + v] = sum.at[v];
      }
    }
  }
  const int pixels = p.tiles.pixels(at);
  if (p.max_partials) write_statistics(best, inside, pixels, tile, c, p.c, p.max_partials);
  if (p.average_partials) write_statistics(sum, inside, pixels, tile, c, p.c, p.average_partials);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kPoolThreads)
    state_pools_vectors_1(const StatePoolsParameters p) {
  pools<1, true>(p);
}
extern "C" __global__ void __launch_bounds__(kPoolThreads)
    state_pools_vectors_2(const StatePoolsParameters p) {
  pools<2, true>(p);
}
extern "C" __global__ void __launch_bounds__(kPoolThreads)
    state_pools_scalars_1(const StatePoolsParameters p) {
  pools<1, false>(p);
}
extern "C" __global__ void __launch_bounds__(kPoolThreads)
    state_pools_scalars_2(const StatePoolsParameters p) {
  pools<2, false>(p);
}
