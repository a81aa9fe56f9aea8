// dy = a g + b y + d of a tile of pixels and a run of channels, into shared memory.
#pragma once

#include "kernels/mixed_state/separable_backward.h"
#include "kernels/mixed_state/separable_tile.cuh"

/// (a, b, d) of kChannels channels.
template <int kChannels>
struct GradientCoefficients {
  float of[3][kChannels];

  /// Of the path's outputs from `first` on; a barrier must follow.
  __device__ void prepare(const SeparableBackwardPath& path, int first, int channels) {
    for (int i = threadIdx.x; i < 3 * kChannels; i += kSeparableThreads) {
      const int k = first + i % kChannels;
      of[i / kChannels][i % kChannels] =
          k < path.outs
              ? path.coefficients[i / kChannels * static_cast<int64_t>(channels) + path.first_out + k]
              : 0;
    }
  }
};

/// to[channel][pixel] = dy of the path's outputs from `first` on; 0 beyond them and where pixel_at(i), the
/// number of the tile's pixel i among all, is negative. All threads, no barriers.
template <int kChannels, int kPixels, class PixelAt>
__device__ inline void load_gradient(const SeparableBackwardPath& path, int first, int channels,
                                     const GradientCoefficients<kChannels>& coefficients,
                                     const PixelAt& pixel_at, int pitch, float* to) {
  const auto load = [&](auto vector) {
    constexpr int kVector = decltype(vector)::kCount, kVectors = kChannels / kVector;
    const int k = static_cast<int>(threadIdx.x) % kVectors * kVector;
    for (int i = static_cast<int>(threadIdx.x) / kVectors; i < kPixels; i += kSeparableThreads / kVectors) {
      const int64_t pixel = pixel_at(i), at = pixel * channels + path.first_out + first + k;
      const bool exists = pixel >= 0 && first + k < path.outs;
      const auto g = exists ? Floats<kVector>::load(path.g + at) : Floats<kVector>::all(0);
      const auto y = exists ? Floats<kVector>::load(path.y + at) : Floats<kVector>::all(0);
#pragma unroll
      for (int v = 0; v < kVector; ++v) {
        const float value = coefficients.of[0][k + v] * g.at[v] +
                            (coefficients.of[1][k + v] * y.at[v] + coefficients.of[2][k + v]);
        to[(k + v) * pitch + i] = exists ? value : 0;
      }
    }
  };
  if (channels % 4 == 0 && path.outs % 4 == 0)
    load(Floats<4>{});
  else
    load(Floats<1>{});
}
