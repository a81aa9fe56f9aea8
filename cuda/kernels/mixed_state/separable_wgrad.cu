// separable_wgrad: the gradients of both filters of each path: of the pointwise one the sum over pixels of dy
// t, with t = depthwise(act(x)) computed again; of the depthwise one that of dt act(x)
// (native/ops/mixed_state.h).
//
// Variants: by panel and stride. A block has a chunk of tiles (at most 64 chunks, a function of the problem),
// a panel of outputs and a slice of half as many channels of one path. For each tile act(x) with its halo, dy
// and dt come into shared memory; a thread takes a column of 8 outputs of one channel, whose inputs serve
// both t and the sums of the depthwise filter, which stay in registers over the chunk, as do 4 x 4 sums of
// the pointwise filter; where a slice has fewer than 128 of those, groups of threads share the pixels.
// separable_wgrad_sum adds the chunks in order. Bytes, a path: for each tile 4 an input (halo included) and
// panel, 8 outs 2c / panel an output, 4 c an output; partial sums written and read, 8 an element and chunk.
// FLOPs: 2 N P Q (C outs + 2 taps^2 C panels). Roofline: arithmetic and shared memory. Bench: lapidary bench
// --device cuda --kernel separable_backward
#include "device/warp_reduce.cuh"
#include "kernels/mixed_state/branch_gradient_tile.cuh"

namespace {

template <int kPanel, int kStride, int kTaps, int kDilation>
__device__ __forceinline__ void wgrad(const SeparableBackwardParameters& p, const SeparableBackwardPath& path,
                                      int64_t chunk, int first_out, int first) {
  using Tile = SeparableTile<kPanel>;
  constexpr int kVectors = Tile::kSlice / 4, kOuts = kPanel / 4;       // threads along channels and outputs
  constexpr int kPixelLanes = kSeparableThreads / (kVectors * kOuts);  // that share the pixels
  extern __shared__ float4 dynamic[];
  const TileInputs inputs(Tile::kRows, Tile::kColumns, kStride, (kTaps - 1) * kDilation, Tile::kColumns);
  constexpr TileInputs kBetween(Tile::kRows, Tile::kColumns, 1, 0, Tile::kColumns);
  static_assert(kBetween.plane == Tile::kPixelPitch);
  auto& activation = *reinterpret_cast<Activation<Tile::kSlice>*>(dynamic);
  auto& coefficients = *reinterpret_cast<GradientCoefficients<kPanel>*>(&activation + 1);
  auto* dy = reinterpret_cast<float*>(&coefficients + 1);  // [output][pixel]
  float* between = dy + kPanel * Tile::kPixelPitch;        // dt, then t: [channel][pixel]
  float* depthwise = between + Tile::kSlice * Tile::kPixelPitch;
  float* planes = depthwise + Tile::kSlice * 25;
  const SeparableShape& shape = p.shape;
  const bool of_depthwise = kTaps > 1 && first_out == 0;

  const int column = static_cast<int>(threadIdx.x) % Tile::kColumns,
            channel = static_cast<int>(threadIdx.x) / Tile::kColumns;
  const int vector = static_cast<int>(threadIdx.x) % kVectors,
            out = static_cast<int>(threadIdx.x) / kVectors % kOuts;
  const int pixel_lane = static_cast<int>(threadIdx.x) / (kVectors * kOuts);
  float window[kTaps][kTaps] = {}, products[4][4] = {};
  activation.prepare(path, first, shape.c, shape.eps);
  coefficients.prepare(path, first_out, shape.c);
  load_depthwise<Tile::kSlice>(path, first, shape.c, depthwise);

  const FilterChunks chunks(p.tiles.count);
  const int64_t end = min(p.tiles.count, (chunk + 1) * chunks.tiles);
  for (int64_t tile = chunk * chunks.tiles; tile < end; ++tile) {
    const OutputTiles::Place at = p.tiles.place(tile);
    __syncthreads();  // what is constant is there; the tile before has been multiplied
    load_activation<Tile::kSlice, kStride>(
        path,
        {path.x + at.n * shape.h * shape.w * shape.c, shape.h, shape.w, at.row * kStride + path.origin,
         at.column * kStride + path.origin, shape.c, first},
        inputs, activation, planes);
    load_gradient<kPanel, Tile::kPixels>(
        path, first_out, shape.c, coefficients,
        [&](int i) {
          const int64_t i_row = at.row + i / Tile::kColumns, i_column = at.column + i % Tile::kColumns;
          return i_row < shape.p && i_column < shape.q ? (at.n * shape.p + i_row) * shape.q + i_column : -1;
        },
        Tile::kPixelPitch, dy);
    if (of_depthwise) {
      load_planes<Tile::kSlice, 1>(
          {path.dt + at.n * shape.p * shape.q * shape.c, shape.p, shape.q, at.row, at.column, shape.c, first},
          kBetween, between, [](float value, int) { return value; });
    }
    __syncthreads();

    float* own = between + channel * Tile::kPixelPitch + column;
    float t[Tile::kRows] = {}, dt[Tile::kRows] = {};
    if (of_depthwise) {
#pragma unroll
      for (int row = 0; row < Tile::kRows; ++row) dt[row] = own[row * Tile::kColumns];
    }
    for_filter_columns<kTaps, kDilation, kStride>(
        planes + channel * inputs.plane, inputs, 0, column * kStride, [&](int s, const auto& in) {
#pragma unroll
          for (int r = 0; r < kTaps; ++r) {
            const float weight = kTaps == 1 ? 1 : depthwise[channel * kTaps * kTaps + r * kTaps + s];
#pragma unroll
            for (int row = 0; row < Tile::kRows; ++row) {
              const float x = in[row * kStride + r * kDilation];
              t[row] += x * weight;
              if (kTaps > 1) window[r][s] += x * dt[row];
            }
          }
        });
#pragma unroll
    for (int row = 0; row < Tile::kRows; ++row) {
      const bool inside = at.row + row < shape.p && at.column + column < shape.q;
      own[row * Tile::kColumns] = inside ? t[row] : 0;
    }
    __syncthreads();

    for (int pixel = pixel_lane * 4; pixel < Tile::kPixels; pixel += kPixelLanes * 4) {
      Floats<4> left[4], right[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        left[i] = Floats<4>::load(dy + (out + i * kOuts) * Tile::kPixelPitch + pixel);
        right[i] = Floats<4>::load(between + (vector + i * kVectors) * Tile::kPixelPitch + pixel);
      }
#pragma unroll
      for (int k = 0; k < 4; ++k)
#pragma unroll
        for (int c = 0; c < 4; ++c)
#pragma unroll
          for (int v = 0; v < 4; ++v) products[k][c] += left[k].at[v] * right[c].at[v];
    }
  }

  // The pixel lanes' products, one after the other.
  __syncthreads();
  float* of_lanes = dy + pixel_lane * kPanel * Tile::kSlice;  // [lane][output][channel]
#pragma unroll
  for (int k = 0; k < 4; ++k)
#pragma unroll
    for (int c = 0; c < 4; ++c)
      of_lanes[(out + k * kOuts) * Tile::kSlice + vector + c * kVectors] = products[k][c];
  __syncthreads();
  float* to = path.filter_sums + chunk * path.filter_values(shape.c);
  for (int i = threadIdx.x; i < kPanel * Tile::kSlice; i += kSeparableThreads) {
    const int k = first_out + i / Tile::kSlice, c = first + i % Tile::kSlice;
    float sum = 0;
    for (int other = 0; other < kPixelLanes; ++other) sum += dy[other * kPanel * Tile::kSlice + i];
    if (k < path.outs && c < shape.c) to[static_cast<int64_t>(k) * shape.c + c] = sum;
  }
  if (!of_depthwise) return;
  to += path.pointwise_values(shape.c) + static_cast<int64_t>(first + channel) * kTaps * kTaps;
#pragma unroll
  for (int r = 0; r < kTaps; ++r) {
#pragma unroll
    for (int s = 0; s < kTaps; ++s) {
      const float sum = warp_reduce(window[r][s], Plus{}, Tile::kColumns);
      if (column == 0 && first + channel < shape.c) to[r * kTaps + s] = sum;
    }
  }
}

template <int kPanel, int kStride>
__device__ void wgrad(const SeparableBackwardParameters& p) {
  constexpr int kSlice = SeparableTile<kPanel>::kSlice;
  const SeparableBackwardPath& path = p.path[blockIdx.y];
  const int64_t slices = (p.shape.c + kSlice - 1) / kSlice;
  const int first = static_cast<int>(blockIdx.x % slices) * kSlice;
  const int first_out = static_cast<int>(blockIdx.x / slices % p.panels) * kPanel;
  const int64_t chunk = blockIdx.x / slices / p.panels;
  if (first_out >= path.outs) return;
  with_window(path, [&](auto taps, auto dilation) {
    wgrad<kPanel, kStride, taps.value, dilation.value>(p, path, chunk, first_out, first);
  });
}

}  // namespace

#define SEPARABLE_WGRAD(panel, stride)                                          \
  extern "C" __global__ void __launch_bounds__(kSeparableThreads, 3)            \
      separable_wgrad_##panel##_##stride(const SeparableBackwardParameters p) { \
    wgrad<panel, stride>(p);                                                    \
  }
SEPARABLE_WGRAD(16, 1)
SEPARABLE_WGRAD(16, 2)
SEPARABLE_WGRAD(32, 1)
SEPARABLE_WGRAD(32, 2)
SEPARABLE_WGRAD(64, 1)
SEPARABLE_WGRAD(64, 2)

/// Grid [ceil(values of a path's filters / 256), paths].
extern "C" __global__ void __launch_bounds__(256) separable_wgrad_sum(const SeparableBackwardParameters p) {
  const SeparableBackwardPath& path = p.path[blockIdx.y];
  const int64_t i = int64_t{blockIdx.x} * 256 + threadIdx.x, count = path.filter_values(p.shape.c);
  if (i >= count) return;
  const FilterChunks chunks(p.tiles.count);
  float sum = 0;
#pragma unroll 4
  for (int64_t chunk = 0; chunk < chunks.count; ++chunk) sum += path.filter_sums[chunk * count + i];
  const int64_t pointwise = path.pointwise_values(p.shape.c);
  (i < pointwise ? path.dpointwise[i] : path.ddepthwise[i - pointwise]) = sum;
}
