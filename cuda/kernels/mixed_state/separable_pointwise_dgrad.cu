// separable_pointwise_dgrad: dt = dy pointwise, the gradient between the two filters of each path, with dy =
// a g + b y + d: the first launch of separable_backward (native/ops/mixed_state.h).
//
// Variants: by panel. A product [N P Q, outs] x [outs, c]: a block has 2048 / panel pixels and a panel of
// channels; dy is made on its way into shared memory, half a panel of outputs at a time; a thread has 4 x 4
// results. Bytes, a path: 8 N P Q outs panels read, 4 N P Q c written, 4 outs c and 12 outs panels for each
// block of pixels. FLOPs: 2 N P Q outs c. Roofline: memory up to some 64 channels, then arithmetic. Bench:
// lapidary bench --device cuda --kernel separable_backward
#include "kernels/mixed_state/branch_gradient_tile.cuh"

namespace {

template <int kPanel>
__device__ void dgrad(const SeparableBackwardParameters& p) {
  using Tile = SeparableTile<kPanel>;
  __shared__ alignas(16) float dy[Tile::kSlice * Tile::kPixelPitch];      // [output][pixel]
  __shared__ alignas(16) float filter[Tile::kSlice * Tile::kPanelPitch];  // [output][channel]
  __shared__ GradientCoefficients<Tile::kSlice> coefficients;
  const SeparableShape& shape = p.shape;
  const SeparableBackwardPath& path = p.path[blockIdx.y];
  const int64_t pixels = shape.n * shape.p * shape.q,
                first_pixel = blockIdx.x / p.panels * int64_t{Tile::kPixels};
  const int first_channel = static_cast<int>(blockIdx.x % p.panels) * kPanel;
  const int channel = static_cast<int>(threadIdx.x) % (kPanel / 4) * 4,
            pixel = static_cast<int>(threadIdx.x) / (kPanel / 4) * 4;

  float dt[4][4] = {};
  for (int first = 0; first < path.outs; first += Tile::kSlice) {
    coefficients.prepare(path, first, shape.c);
    __syncthreads();
    load_gradient<Tile::kSlice, Tile::kPixels>(
        path, first, shape.c, coefficients,
        [&](int i) { return first_pixel + i < pixels ? first_pixel + i : -1; }, Tile::kPixelPitch, dy);
    for (int i = threadIdx.x; i < Tile::kSlice * kPanel; i += kSeparableThreads) {
      const int k = i / kPanel, c = i % kPanel;
      const bool exists = first + k < path.outs && first_channel + c < shape.c;
      filter[k * Tile::kPanelPitch + c] =
          exists ? path.pointwise[static_cast<int64_t>(first + k) * shape.c + first_channel + c] : 0;
    }
    __syncthreads();
    multiply<Tile::kSlice>(dt, dy + pixel, Tile::kPixelPitch, filter + channel, Tile::kPanelPitch);
    __syncthreads();
  }
  const int64_t inside = pixels - first_pixel - pixel;
  store_product(dt, path.dt + (first_pixel + pixel) * shape.c + first_channel + channel, shape.c,
                static_cast<int>(max(min(inside, int64_t{4}), int64_t{0})), shape.c - first_channel - channel,
                shape.c % 4 == 0);
}

}  // namespace

#define SEPARABLE_POINTWISE_DGRAD(panel)                                       \
  extern "C" __global__ void __launch_bounds__(kSeparableThreads)              \
      separable_pointwise_dgrad_##panel(const SeparableBackwardParameters p) { \
    dgrad<panel>(p);                                                           \
  }
SEPARABLE_POINTWISE_DGRAD(16)
SEPARABLE_POINTWISE_DGRAD(32)
SEPARABLE_POINTWISE_DGRAD(64)
