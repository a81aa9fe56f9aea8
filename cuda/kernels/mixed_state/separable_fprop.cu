// separable_fprop: y_b = pointwise_b(depthwise_b(act(x))) for the branches b of a state, or for second halves
// of separable convolutions, each with its own normalised x; and the statistics of y_b
// (native/ops/mixed_state.h).
//
// Variants: by panel (16, 32, 64 channels of y) and stride. A block has 8 x (256 / panel) outputs of one
// image, a panel of their channels, and up to 4 paths at once (6 at stride 2; see separable.h). For each
// slice of panel / 2 input channels it brings act(x) with its halo into shared memory, once for all paths;
// then, path by path, a thread convolves 8 outputs of a column depthwise in registers, puts them into shared
// memory beside a slice of the pointwise filter, and adds their product to 4 x 4 sums in registers. Nothing
// between the two filters leaves the block. Mean and squared deviations of a tile come from the sums where
// they are; tile_statistics.cu merges tiles. Outputs do not depend on the batch. Bytes: 4 for each input of a
// tile (halo included), panel and group of paths; 4 N P Q C a branch written; for each tile and path the
// filters, 4 (C outs + taps^2 C panels); statistics as tile_statistics.cu says. FLOPs: 2 N P Q C (taps^2
// panels + C) a branch. Roofline: arithmetic beyond C = 16; the depthwise part is bound by shared memory (at
// 5x5 12 words for 40 products). Bench: lapidary bench --device cuda --kernel separable_fprop
#include "kernels/mixed_state/separable_fprop.h"

#include "kernels/mixed_state/separable_tile.cuh"

namespace {

/// A slice of the pointwise filter, [outs, c], to [channel summed over][panel]; zeros where there is none.
template <int kPanel>
__device__ void load_pointwise(const SeparablePath& path, int first_out, int first, int channels, float* to) {
  using Tile = SeparableTile<kPanel>;
  for (int i = threadIdx.x; i < kPanel * Tile::kSlice; i += kSeparableThreads) {
    const int k = i / Tile::kSlice, c = i % Tile::kSlice;
    const bool exists = first_out + k < path.outs && first + c < channels;
    to[c * Tile::kPanelPitch + k] =
        exists ? path.pointwise[static_cast<int64_t>(first_out + k) * channels + first + c] : 0;
  }
}

/// A slice of the depthwise convolution of a tile, to [channel][pixel]: a thread has a column of 8 outputs.
template <int kPanel, int kStride>
__device__ void convolve(const SeparablePath& path, const float* planes, const TileInputs& inputs,
                         int first_tap, const float* filters, float* to) {
  using Tile = SeparableTile<kPanel>;
  const int column = static_cast<int>(threadIdx.x) % Tile::kColumns,
            channel = static_cast<int>(threadIdx.x) / Tile::kColumns;
  const int offset = path.origin - first_tap;
  with_window(path, [&](auto taps, auto dilation) {
    constexpr int kTaps = taps.value, kDilation = dilation.value;
    float sum[Tile::kRows] = {};
    for_filter_columns<kTaps, kDilation, kStride>(
        planes + channel * inputs.plane, inputs, offset, column * kStride + offset,
        [&](int s, const auto& in) {
#pragma unroll
          for (int r = 0; r < kTaps; ++r) {
            const float weight = kTaps == 1 ? 1 : filters[channel * kTaps * kTaps + r * kTaps + s];
#pragma unroll
            for (int row = 0; row < Tile::kRows; ++row)
              sum[row] += in[row * kStride + r * kDilation] * weight;
          }
        });
#pragma unroll
    for (int row = 0; row < Tile::kRows; ++row)
      to[channel * Tile::kPixelPitch + row * Tile::kColumns + column] = sum[row];
  });
}

/// Mean and squared deviations by channel of a tile's results. `shared`: kPixels / 4 * kPanel + kPanel floats
/// that nobody reads any more.
template <int kPanel>
__device__ void write_statistics(const float (&y)[4][4], int inside, int pixels, float* shared, float* to,
                                 int first_out, int outs) {
  using Tile = SeparableTile<kPanel>;
  constexpr int kQuads = Tile::kPixels / 4;
  const int out = static_cast<int>(threadIdx.x) % (kPanel / 4) * 4,
            quad = static_cast<int>(threadIdx.x) / (kPanel / 4);
  float* means = shared + kQuads * kPanel;
  // The sums over the tile of what each thread has of a channel, by the first threads, one a channel.
  const auto sum_of_quads = [&](const Floats<4>& each) {
    __syncthreads();
    each.store(shared + quad * kPanel + out);
    __syncthreads();
    float sum = 0;
    for (int i = 0; threadIdx.x < kPanel && i < kQuads; ++i) sum += shared[i * kPanel + threadIdx.x];
    return sum;
  };
  Floats<4> sums = Floats<4>::all(0), squares = Floats<4>::all(0);
#pragma unroll
  for (int m = 0; m < 4; ++m)
#pragma unroll
    for (int k = 0; k < 4; ++k) sums.at[k] += m < inside ? y[m][k] : 0;
  const float mean = sum_of_quads(sums) / static_cast<float>(pixels);
  if (threadIdx.x < kPanel) means[threadIdx.x] = mean;
  __syncthreads();
  const auto center = Floats<4>::load(means + out);
#pragma unroll
  for (int m = 0; m < 4; ++m)
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const float deviation = y[m][k] - center.at[k];
      squares.at[k] += m < inside ? deviation * deviation : 0;
    }
  const float square = sum_of_quads(squares);
  const int k = first_out + static_cast<int>(threadIdx.x);
  if (threadIdx.x < kPanel && k < outs) to[k] = mean, to[outs + k] = square;
}

template <int kPanel, int kStride>
__device__ void fprop(const SeparableFpropParameters& p) {
  using Tile = SeparableTile<kPanel>;
  constexpr int kGroup = separable_group(kStride);
  extern __shared__ float4 dynamic[];
  const TileInputs inputs(Tile::kRows, Tile::kColumns, kStride, p.reach, Tile::kColumns);
  auto& activation = *reinterpret_cast<Activation<Tile::kSlice>*>(dynamic);
  auto* between = reinterpret_cast<float*>(&activation + 1);  // [channel][pixel]
  float* pointwise = between + Tile::kSlice * Tile::kPixelPitch;
  float* planes = pointwise + Tile::kSlice * Tile::kPanelPitch;
  float* depthwise = planes + Tile::kSlice * inputs.plane;

  const SeparableShape& shape = p.shape;
  const int64_t tile = blockIdx.x / p.panels;
  const int first_out = static_cast<int>(blockIdx.x % p.panels) * kPanel;
  const OutputTiles::Place at = p.tiles.place(tile);
  const SeparableFpropPath* path = p.path + p.group_begin[blockIdx.y];
  const int paths = p.group_begin[blockIdx.y + 1] - p.group_begin[blockIdx.y];
  const int out = static_cast<int>(threadIdx.x) % (kPanel / 4) * 4,
            pixel = static_cast<int>(threadIdx.x) / (kPanel / 4) * 4;
  bool any = false;  // halves of FactorizedReduce have fewer panels
  for (int i = 0; i < paths; ++i) any |= first_out < path[i].outs;
  if (!any) return;

  float y[kGroup][4][4] = {};
  for (int first = 0; first < shape.c; first += Tile::kSlice) {
    activation.prepare(path[0], first, shape.c, shape.eps);
    __syncthreads();  // the planes have been read, the activation is there
    load_activation<Tile::kSlice, kStride>(
        path[0],
        {path[0].x + at.n * shape.h * shape.w * shape.c, shape.h, shape.w, at.row * kStride + p.first_tap,
         at.column * kStride + p.first_tap, shape.c, first},
        inputs, activation, planes);
    for (int i = 0; i < paths; ++i) {
      if (first_out >= path[i].outs) continue;
      load_depthwise<Tile::kSlice>(path[i], first, shape.c, depthwise);
      __syncthreads();  // the planes and filters are there; the path before has been multiplied
      convolve<kPanel, kStride>(path[i], planes, inputs, p.first_tap, depthwise, between);
      load_pointwise<kPanel>(path[i], first_out, first, shape.c, pointwise);
      __syncthreads();
#pragma unroll
      for (int each = 0; each < kGroup; ++each) {
        if (each == i)
          multiply<Tile::kSlice>(y[each], between + pixel, Tile::kPixelPitch, pointwise + out,
                                 Tile::kPanelPitch);
      }
    }
  }

  const int64_t row = at.row + pixel / Tile::kColumns, column = at.column + pixel % Tile::kColumns;
  const int64_t left = row < shape.p ? shape.q - column : 0;
  const int inside = left <= 0 ? 0 : left < 4 ? static_cast<int>(left) : 4;
#pragma unroll
  for (int each = 0; each < kGroup; ++each) {
    if (each >= paths || first_out >= path[each].outs) continue;
    const SeparableFpropPath& to = path[each];
    float* pixels =
        to.y + ((at.n * shape.p + row) * shape.q + column) * shape.c + to.first_out + first_out + out;
    store_product(y[each], pixels, shape.c, inside, to.outs - first_out - out,
                  shape.c % 4 == 0 && to.first_out % 4 == 0);
    if (to.partials) {
      write_statistics<kPanel>(y[each], inside, p.tiles.pixels(at), between, to.partials + 2 * tile * to.outs,
                               first_out, to.outs);
    }
  }
}

}  // namespace

#define SEPARABLE_FPROP(panel, stride)                                       \
  extern "C" __global__ void __launch_bounds__(kSeparableThreads, 3)         \
      separable_fprop_##panel##_##stride(const SeparableFpropParameters p) { \
    fprop<panel, stride>(p);                                                 \
  }
SEPARABLE_FPROP(16, 1)
SEPARABLE_FPROP(16, 2)
SEPARABLE_FPROP(32, 1)
SEPARABLE_FPROP(32, 2)
SEPARABLE_FPROP(64, 1)
SEPARABLE_FPROP(64, 2)
