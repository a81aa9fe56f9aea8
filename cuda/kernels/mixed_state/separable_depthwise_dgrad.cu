// separable_depthwise_dgrad: dx from the gradients dt between the filters of all paths that share it, through
// the depthwise filters and act; and, when x is normalised, the coefficients that take dx on to x
// (native/ops/mixed_state.h).
//
// Variants: by stride. A block has 8 x 8 pixels of dx (8 x 16 at stride 2) and 16 channels. Path by path it
// brings the dt whose windows reach them into shared memory, one plane a channel; a thread gathers a column
// of 8 pixels (at stride 2 two neighbouring ones), with which of the taps reach which pixel known at compile
// time. The sum over the paths is masked by act(x) > 0 and stored once. The sums over a tile of dx and dx
// xhat are added up over tiles, in double, by separable_dx_coefficients. Bytes: 4 for each dt of a tile (halo
// included) and path, filters 4 taps^2 c a tile and path, x once, dx once (accumulate: twice); when normed 8
// c a block and tile, and the partial sums written and read. FLOPs: 2 taps^2 N P Q C a path. Roofline: memory
// up to 3x3, then shared memory. Bench: lapidary bench --device cuda --kernel separable_backward
#include "device/warp_reduce.cuh"
#include "kernels/mixed_state/separable_backward.h"
#include "kernels/mixed_state/separable_tile.cuh"

namespace {

/// Floats of a plane of the largest window, dilated 5x5.
template <int kStride>
constexpr int kLargestPlane = TileInputs(ReachingOutputs(5, 2, -4, kStride).rows,
                                         ReachingOutputs(5, 2, -4, kStride).columns, 1, 0, 8)
                                  .plane;

/// body(taps, dilation, origin) as constants.
template <class Body>
__device__ void with_origin(const SeparablePath& path, const Body& body) {
  with_window(path, [&](auto taps, auto dilation) {
    constexpr int kPad = taps.value / 2 * dilation.value;
    if (taps.value > 1 || path.origin == 0)
      body(taps, dilation, Constant<-kPad>{});
    else
      body(taps, dilation, Constant<1>{});
  });
}

template <int kStride>
__device__ void dgrad(const SeparableBackwardParameters& p) {
  constexpr int kColumns = dx_columns(kStride), kLanes = 8, kPixels = kDxRows * kColumns;
  constexpr int kPitch = kPixels + 10;  // neighbouring columns and groups of 4 channels in different banks
  __shared__ float planes[kDxChannels * kLargestPlane<kStride>], filters[kDxChannels * 25],
      results[kDxChannels * kPitch];
  __shared__ Activation<kDxChannels> activation;
  __shared__ Floats<4> sums[2][kSeparableThreads / 32][kDxChannels / 4];
  const SeparableShape& shape = p.shape;
  const int64_t slices = dx_slices(shape.c), tile = blockIdx.x / slices;
  const int first_channel = static_cast<int>(blockIdx.x % slices) * kDxChannels;
  const OutputTiles::Place at = p.dx_tiles.place(tile);
  const int begin = p.group_begin[blockIdx.y], end = p.group_begin[blockIdx.y + 1];
  const SeparableBackwardPath& shared_path = p.path[begin];
  activation.prepare(shared_path, first_channel, shape.c, shape.eps);

  const int lane = static_cast<int>(threadIdx.x) % kLanes,
            plane_channel = static_cast<int>(threadIdx.x) / kLanes;
  float dx[kDxRows][kStride] = {};
  for (int i = begin; i < end; ++i) {
    const SeparableBackwardPath& path = p.path[i];
    __syncthreads();  // the path before has been read
    load_depthwise<kDxChannels>(path, first_channel, shape.c, filters);
    with_origin(path, [&](auto taps, auto dilation, auto origin) {
      constexpr int kTaps = taps.value, kDilation = dilation.value, kOrigin = origin.value;
      constexpr ReachingOutputs kReach(kTaps, kDilation, kOrigin, kStride);
      constexpr TileInputs kTile(kReach.rows, kReach.columns, 1, 0, kLanes);
      load_planes<kDxChannels, 1>(
          {path.dt + at.n * shape.p * shape.q * shape.c, shape.p, shape.q, at.row / kStride + kReach.first,
           at.column / kStride + kReach.first, shape.c, first_channel},
          kTile, planes, [](float value, int) { return value; });
      __syncthreads();
      const float* filter = filters + plane_channel * kTaps * kTaps;
#pragma unroll
      for (int parity = 0; parity < kStride; ++parity) {
#pragma unroll
        for (int s = 0; s < kTaps; ++s) {
          const int across = parity - kOrigin - s * kDilation;  // from the output to its tap
          if (across % kStride != 0) continue;
          const float* from = planes + plane_channel * kTile.plane + lane + across / kStride - kReach.first;
          float dt[kReach.rows];
#pragma unroll
          for (int row = 0; row < kReach.rows; ++row) dt[row] = from[row * kTile.row_pitch];
#pragma unroll
          for (int r = 0; r < kTaps; ++r) {
            const float weight = kTaps == 1 ? 1 : filter[r * kTaps + s];
#pragma unroll
            for (int row = 0; row < kDxRows; ++row) {
              const int down = row - kOrigin - r * kDilation;
              if (down % kStride == 0) dx[row][parity] += dt[down / kStride - kReach.first] * weight;
            }
          }
        }
      }
    });
  }
#pragma unroll
  for (int row = 0; row < kDxRows; ++row)
#pragma unroll
    for (int parity = 0; parity < kStride; ++parity)
      results[plane_channel * kPitch + row * kColumns + lane * kStride + parity] = dx[row][parity];
  __syncthreads();

  // From planes to rows of channels.
  const int channel = static_cast<int>(threadIdx.x) % (kDxChannels / 4) * 4;
  const int left = shape.c - first_channel - channel;
  Floats<4> sum = Floats<4>::all(0), product = Floats<4>::all(0);
  for (int pixel = static_cast<int>(threadIdx.x) / (kDxChannels / 4); pixel < kPixels;
       pixel += kSeparableThreads / (kDxChannels / 4)) {
    const int64_t row = at.row + pixel / kColumns, column = at.column + pixel % kColumns;
    if (row >= shape.h || column >= shape.w || left <= 0) continue;
    const int64_t place = ((at.n * shape.h + row) * shape.w + column) * shape.c + first_channel + channel;
    const bool aligned = shape.c % 4 == 0;
    const Floats<4> x = load_channels(shared_path.x + place, left, aligned);
    Floats<4> value = Floats<4>::all(0);
    if (p.accumulate) value = load_channels(shared_path.dx + place, left, aligned);
#pragma unroll
    for (int v = 0; v < 4; ++v) {
      const float active = shared_path.mean ? activation(x.at[v], channel + v) : rectified(x.at[v]);
      const float each = active > 0 ? results[(channel + v) * kPitch + pixel] : 0;
      sum.at[v] += each, product.at[v] += active > 0 ? each * active : 0;
      value.at[v] += each;
    }
    store_channels(value, shared_path.dx + place, left, aligned);
  }
  if (!shared_path.mean) return;
#pragma unroll
  for (unsigned mask = 16; mask >= kDxChannels / 4; mask /= 2) {
    sum = sum + shuffle_xor(sum, mask);
    product = product + shuffle_xor(product, mask);
  }
  if (threadIdx.x % 32 < kDxChannels / 4) {
    sums[0][threadIdx.x / 32][threadIdx.x % 32] = sum;
    sums[1][threadIdx.x / 32][threadIdx.x % 32] = product;
  }
  __syncthreads();
  if (threadIdx.x >= 2 * kDxChannels) return;
  const int which = static_cast<int>(threadIdx.x) / kDxChannels,
            c = static_cast<int>(threadIdx.x) % kDxChannels;
  if (first_channel + c >= shape.c) return;
  float total = 0;
  for (int warp = 0; warp < kSeparableThreads / 32; ++warp) total += sums[which][warp][c / 4].at[c % 4];
  shared_path.dx_sums[(2 * tile + which) * shape.c + first_channel + c] = total;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kSeparableThreads)
    separable_depthwise_dgrad_1(const SeparableBackwardParameters p) {
  dgrad<1>(p);
}
extern "C" __global__ void __launch_bounds__(kSeparableThreads)
    separable_depthwise_dgrad_2(const SeparableBackwardParameters p) {
  dgrad<2>(p);
}

/// Grid [ceil(c / 32), groups]; eight warps take the tiles of 32 channels in turn.
extern "C" __global__ void __launch_bounds__(256)
    separable_dx_coefficients(const SeparableBackwardParameters p) {
  constexpr int kWarps = 8;
  __shared__ double of_warps[2][kWarps][32];
  const SeparableBackwardPath& path = p.path[p.group_begin[blockIdx.y]];
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t channels = p.shape.c, c = int64_t{blockIdx.x} * 32 + lane;
  double sum = 0, product = 0;
  for (int64_t tile = warp; c < channels && tile < p.dx_tiles.count; tile += kWarps)
    sum += path.dx_sums[2 * tile * channels + c], product += path.dx_sums[(2 * tile + 1) * channels + c];
  of_warps[0][warp][lane] = sum, of_warps[1][warp][lane] = product;
  __syncthreads();
  if (warp > 0 || c >= channels) return;
  for (int other = 1; other < kWarps; ++other)
    sum += of_warps[0][other][lane], product += of_warps[1][other][lane];
  const auto rows = static_cast<double>(p.dx_tiles.outputs());
  const double scale = 1 / sqrt(static_cast<double>(path.variance[c]) + p.shape.eps);
  const double slope = p.training ? -scale * scale * product / rows : 0;
  float* to = path.dx_coefficients + c;
  to[0] = static_cast<float>(scale), to[channels] = static_cast<float>(slope);
  to[2 * channels] = static_cast<float>(p.training ? -scale * sum / rows - slope * path.mean[c] : 0);
}
