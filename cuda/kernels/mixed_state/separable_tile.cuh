// How the kernels of separable convolutions fill and read their tiles in shared memory.
#pragma once

#include "device/floats.cuh"
#include "kernels/mixed_state/separable.h"

/// An image [h, w, c], the place in it of a tile's first input, and a slice of its channels.
struct ImagePart {
  const float* image;
  int64_t h, w, top, left;
  int32_t c, first_channel;
};

/// to[channel][row][column] = f(value, channel of the slice), 0 outside the image. All threads, no barriers.
template <int kSlice, int kStride, class Function>
__device__ inline void load_planes(const ImagePart& part, const TileInputs& tile, float* to,
                                   const Function& f) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const auto rows = [&](auto vector) {
    constexpr int kVector = decltype(vector)::kCount, kVectors = kSlice / kVector;
    // A lane stays at its channels: kVectors divides 32.
    const int channel = lane % kVectors * kVector;
    const bool exists = part.first_channel + channel < part.c;
    for (int row = warp; row < tile.rows; row += kSeparableThreads / 32) {
      const int64_t h = part.top + row;
      const bool row_inside = exists && h >= 0 && h < part.h;
      const float* from = part.image + h * part.w * part.c + part.first_channel + channel;
      for (int column = lane / kVectors; column < tile.columns; column += 32 / kVectors) {
        const int64_t w = part.left + column;
        const bool inside = row_inside && w >= 0 && w < part.w;
        const auto values = inside ? Floats<kVector>::load(from + w * part.c) : Floats<kVector>::all(0);
#pragma unroll
        for (int v = 0; v < kVector; ++v)
          to[(channel + v) * tile.plane + row * tile.row_pitch + tile.column<kStride>(column)] =
              inside ? f(values.at[v], channel + v) : 0;
      }
    }
  };
  if (part.c % 4 == 0)
    rows(Floats<4>{});
  else
    rows(Floats<1>{});
}

/// ReLU, which keeps NaN.
__device__ inline float rectified(float x) { return x < 0 ? 0 : x; }

/// act of a path: ReLU, after the normalisation where there is one.
template <int kSlice>
struct Activation {
  float mean[kSlice], scale[kSlice];

  /// Of the slice from `first` on; a barrier must follow.
  __device__ void prepare(const SeparablePath& path, int first, int channels, float eps) {
    const int i = static_cast<int>(threadIdx.x);
    if (!path.mean || i >= kSlice) return;
    const bool exists = first + i < channels;
    mean[i] = exists ? path.mean[first + i] : 0;
    scale[i] = exists ? 1 / sqrtf(path.variance[first + i] + eps) : 0;
  }
  __device__ float operator()(float x, int channel) const {
    return rectified((x - mean[channel]) * scale[channel]);
  }
};

/// A slice of act(x) for a tile of outputs into planes.
template <int kSlice, int kStride>
__device__ inline void load_activation(const SeparablePath& path, const ImagePart& part,
                                       const TileInputs& tile, const Activation<kSlice>& activation,
                                       float* to) {
  if (path.mean)
    load_planes<kSlice, kStride>(part, tile, to, activation);
  else
    load_planes<kSlice, kStride>(part, tile, to, [](float x, int) { return rectified(x); });
}

/// A slice's depthwise filters [channel][taps^2]; zeros beyond the last channel.
template <int kSlice>
__device__ inline void load_depthwise(const SeparablePath& path, int first, int channels, float* to) {
  if (!path.depthwise) return;
  const int window = path.taps * path.taps, count = min(kSlice, channels - first) * window;
  for (int i = threadIdx.x; i < kSlice * window; i += kSeparableThreads)
    to[i] = i < count ? path.depthwise[static_cast<int64_t>(first) * window + i] : 0;
}

/// body(filter column, the inputs under it of a column of 8 outputs) for each filter column. `plane`: of the
/// channel; `row` and `column`: of the first output's first tap. in[stride * output + dilation * filter row]
/// is output's input.
template <int kTaps, int kDilation, int kStride, class Body>
__device__ inline void for_filter_columns(const float* plane, const TileInputs& tile, int row, int column,
                                          const Body& body) {
  constexpr int kInputs = 7 * kStride + (kTaps - 1) * kDilation + 1;
#pragma unroll
  for (int s = 0; s < kTaps; ++s) {
    const float* from = plane + row * tile.row_pitch + tile.column<kStride>(column + s * kDilation);
    float in[kInputs];
#pragma unroll
    for (int i = 0; i < kInputs; ++i)
      if (kStride == 1 || kDilation % 2 == 1 || i % 2 == 0) in[i] = from[i * tile.row_pitch];
    body(s, in);
  }
}

/// body(taps, dilation) for a path, as constants with a member `value`.
template <int kValue>
struct Constant {
  static constexpr int value = kValue;
};
template <class Body>
__device__ inline void with_window(const SeparablePath& path, const Body& body) {
  if (path.taps == 1)
    body(Constant<1>{}, Constant<1>{});
  else if (path.taps == 3 && path.dilation == 1)
    body(Constant<3>{}, Constant<1>{});
  else if (path.taps == 3)
    body(Constant<3>{}, Constant<2>{});
  else if (path.dilation == 1)
    body(Constant<5>{}, Constant<1>{});
  else
    body(Constant<5>{}, Constant<2>{});
}

/// sum[m][k] += a[channel][pixel + m] * b[channel][column + k] over kDepth channels.
template <int kDepth>
__device__ inline void multiply(float (&sum)[4][4], const float* a, int a_pitch, const float* b,
                                int b_pitch) {
#pragma unroll 4
  for (int i = 0; i < kDepth; ++i, a += a_pitch, b += b_pitch) {
    const auto left = Floats<4>::load(a), right = Floats<4>::load(b);
#pragma unroll
    for (int m = 0; m < 4; ++m)
#pragma unroll
      for (int k = 0; k < 4; ++k) sum[m][k] += left.at[m] * right.at[k];
  }
}

/// Those of 4 neighbouring channels that exist, `left` of them from `from` on; zeros for the others.
__device__ inline Floats<4> load_channels(const float* from, int left, bool aligned) {
  if (aligned && left >= 4) return Floats<4>::load(from);
  Floats<4> made;
#pragma unroll
  for (int v = 0; v < 4; ++v) made.at[v] = v < left ? from[v] : 0;
  return made;
}

/// Stores those of 4 neighbouring channels that exist, `left` of them from `to` on.
__device__ inline void store_channels(Floats<4> values, float* to, int left, bool aligned) {
  if (aligned && left >= 4) {
    values.store_global(to);
    return;
  }
#pragma unroll
  for (int v = 0; v < 4; ++v)
    if (v < left) to[v] = values.at[v];
}

/// Stores 4 x 4 results of a product to rows of `channels`: those of `pixels` of them and of `left` channels
/// that exist.
__device__ inline void store_product(const float (&values)[4][4], float* to, int channels, int pixels,
                                     int left, bool aligned) {
#pragma unroll
  for (int m = 0; m < 4; ++m, to += channels)
    if (m < pixels)
      store_channels({values[m][0], values[m][1], values[m][2], values[m][3]}, to, left, aligned);
}
