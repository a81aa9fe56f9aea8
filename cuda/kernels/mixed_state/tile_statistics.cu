// tile_statistics: mean and (biased) variance by channel from those of tiles of outputs, the second launch of
// separable_fprop and of state_pools. All tensors of a launch in one: grid [ceil(channels / 32), tensors].
//
// Variants: one. Eight warps take the tiles of 32 channels in turn, in double: first the mean of the means,
// then the squared deviations within tiles and of the tiles' means (Chan, Golub and LeVeque 1983). Bytes: 12
// tiles channels read, 8 channels written, a tensor. FLOPs: 7 a tile and channel. Roofline: memory. Bench:
// lapidary bench --device cuda --kernel state_pools
#include "kernels/mixed_state/tile_statistics.h"

namespace {

constexpr int kWarps = 8;

/// The sum over the warps of a lane's values, in every warp.
__device__ double sum_of_warps(double (&of_warps)[kWarps][32], double value) {
  of_warps[threadIdx.x / 32][threadIdx.x % 32] = value;
  __syncthreads();
  double sum = 0;
  for (int warp = 0; warp < kWarps; ++warp) sum += of_warps[warp][threadIdx.x % 32];
  return sum;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kWarps * 32) tile_statistics(const TileStatisticsParameters p) {
  __shared__ double sums[kWarps][32], squares[kWarps][32];
  const TileStatistics& tensor = p.tensor[blockIdx.y];
  const int64_t c = int64_t{blockIdx.x} * 32 + threadIdx.x % 32;
  const int64_t tiles = c < tensor.channels ? p.tiles.count : 0;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  double sum = 0;
  for (int64_t tile = warp; tile < tiles; tile += kWarps) {
    const double mean = tensor.partials[2 * tile * tensor.channels + c];
    sum += p.tiles.pixels(p.tiles.place(tile)) * mean;
  }
  const double mean = sum_of_warps(sums, sum) / p.rows;
  double square = 0;
  for (int64_t tile = warp; tile < tiles; tile += kWarps) {
    const float* part = tensor.partials + 2 * tile * tensor.channels + c;
    const double deviation = part[0] - mean;
    square += part[tensor.channels] + p.tiles.pixels(p.tiles.place(tile)) * (deviation * deviation);
  }
  square = sum_of_warps(squares, square);
  if (warp > 0 || c >= tensor.channels) return;
  tensor.mean[c] = static_cast<float>(mean);
  tensor.variance[c] = static_cast<float>(square / p.rows);
}
