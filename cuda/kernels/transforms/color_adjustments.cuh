// Colours of one pixel of kChannels, 1 or 3 (docs/augmentation.md).
#pragma once

template <int kChannels>
struct Pixel {
  float value[kChannels];

  __device__ float luma() const {
    if constexpr (kChannels == 3)
      return 0.2989f * value[0] + 0.587f * value[1] + 0.114f * value[2];
    else
      return value[0];
  }
};

/// NaN stays NaN.
__device__ inline float clamp01(float x) { return x < 0 ? 0.0f : x > 1 ? 1.0f : x; }

/// clamp(ratio x + (1 - ratio) other, 0, 1) of every channel.
template <int kChannels>
__device__ inline void blend(Pixel<kChannels>& pixel, float ratio, float other) {
  const float second = (1 - ratio) * other;
#pragma unroll
  for (float& value : pixel.value) value = clamp01(ratio * value + second);
}

template <int kChannels>
__device__ inline void make_gray(Pixel<kChannels>& pixel) {
  const float gray = pixel.luma();
#pragma unroll
  for (float& value : pixel.value) value = gray;
}

/// Adds to the hue, in turns, and goes back from hue, saturation and value without a branch: a channel is
/// value - value saturation min(k, 4 - k, 1), at least 0, with k = (n + 6 hue) mod 6 and n = 5, 3, 1.
__device__ inline void shift_hue(Pixel<1>&, float) {}
__device__ inline void shift_hue(Pixel<3>& pixel, float shift) {
  const float r = pixel.value[0], g = pixel.value[1], b = pixel.value[2];
  const float most = fmaxf(r, fmaxf(g, b)), range = most - fminf(r, fminf(g, b));
  const float divisor = range == 0 ? 1.0f : range;
  const float chroma = range == 0 ? 0.0f : most * (range / most);
  const float rc = (most - r) / divisor, gc = (most - g) / divisor, bc = (most - b) / divisor;
  const float sector = r == most ? bc - gc : g == most ? 2 + rc - bc : 4 + gc - rc;
  float hue = sector * (1.0f / 6) + 1;
  hue = hue - floorf(hue) + shift;
  hue = hue < 0 ? hue + 1 : hue >= 1 ? hue - 1 : hue;
#pragma unroll
  for (int channel = 0; channel < 3; ++channel) {
    float k = hue * 6 + static_cast<float>(5 - 2 * channel);
    k = k >= 6 ? k - 6 : k;
    const float share = fmaxf(fminf(fminf(k, 4 - k), 1.0f), 0.0f);
    pixel.value[channel] = share > 0 ? clamp01(most - chroma * share) : most;
  }
}
