// Colour transforms of one picture as planes of `size` values, in vectors.
#pragma once

#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {

static inline Vec luma(Vec r, Vec g, Vec b) { return 0.2989f * r + 0.587f * g + 0.114f * b; }
static inline Vec clamp01(Vec x) { return at_most(at_least(x, Vec{}), broadcast(1.0f)); }

/// The luma of a pixel, which is its value when there is one channel.
struct Luma {
  const float *r, *g, *b;
  bool gray;
  Luma(const float* planes, int64_t size, int64_t channels)
      : r(planes), g(planes + size), b(planes + 2 * size), gray(channels == 1) {}
  template <class Lanes>
  Vec operator()(int64_t i, Lanes lanes) const {
    return gray ? load(r + i, lanes) : luma(load(r + i, lanes), load(g + i, lanes), load(b + i, lanes));
  }
};

/// The mean luma; sums of 64 vectors are added up in double.
inline double mean_luma(const float* planes, int64_t size, int64_t channels) {
  const Luma luma_at(planes, size, channels);
  double total = 0;
  for (int64_t begin = 0; begin < size; begin += 64 * kLanes) {
    Vec sum{};
    for_vectors(begin, std::min(begin + 64 * kLanes, size),
                [&](int64_t i, auto lanes) { sum += luma_at(i, lanes); });
    total += sum_lanes(sum);
  }
  return total / static_cast<double>(size);
}

/// clamp(ratio x + (1 - ratio) other(i), 0, 1) of every channel.
template <class Other>
void blend(float* planes, int64_t size, int64_t channels, double ratio, Other&& other) {
  const Vec own = broadcast(static_cast<float>(ratio)), rest = broadcast(static_cast<float>(1 - ratio));
  for_vectors(0, size, [&](int64_t i, auto lanes) {
    const Vec second = rest * other(i, lanes);
    for (int64_t c = 0; c < channels; ++c) {
      float* x = planes + c * size + i;
      store(x, clamp01(own * load(x, lanes) + second), lanes);
    }
  });
}

inline void adjust_brightness(float* planes, int64_t size, int64_t channels, double factor) {
  blend(planes, size, channels, factor, [](int64_t, auto) { return Vec{}; });
}

inline void adjust_contrast(float* planes, int64_t size, int64_t channels, double factor) {
  const Vec mean = broadcast(static_cast<float>(mean_luma(planes, size, channels)));
  blend(planes, size, channels, factor, [=](int64_t, auto) { return mean; });
}

inline void adjust_saturation(float* planes, int64_t size, int64_t channels, double factor) {
  if (channels == 1) return;
  blend(planes, size, channels, factor, Luma(planes, size, channels));
}

inline void make_gray(float* planes, int64_t size, int64_t channels) {
  if (channels == 1) return;
  const Luma luma_at(planes, size, channels);
  for_vectors(0, size, [&](int64_t i, auto lanes) {
    const Vec gray = luma_at(i, lanes);
    for (int64_t c = 0; c < 3; ++c) store(planes + c * size + i, gray, lanes);
  });
}

/// x without its whole part; x at least 0.
static inline Vec fraction(Vec x) {
  return x - __builtin_convertvector(__builtin_convertvector(x, IntVec), Vec);
}

/// Adds to the hue, in turns, and goes back from hue, saturation and value without a branch: a channel is
/// value - value saturation min(k, 4 - k, 1), at least 0, with k = (n + 6 hue) mod 6 and n = 5, 3, 1.
inline void shift_hue(float* planes, int64_t size, int64_t channels, double shift) {
  if (channels == 1) return;
  const Vec one = broadcast(1.0f), turn = broadcast(static_cast<float>(shift));
  for_vectors(0, size, [&](int64_t i, auto lanes) {
    const Vec r = load(planes + i, lanes), g = load(planes + size + i, lanes),
              b = load(planes + 2 * size + i, lanes);
    const Vec most = max(r, max(g, b)), range = most - min(r, min(g, b));
    const Vec divisor = range == 0.0f ? one : range;
    const Vec chroma = range == 0.0f ? Vec{} : most * (range / most);
    const Vec rc = (most - r) / divisor, gc = (most - g) / divisor, bc = (most - b) / divisor;
    const Vec sector = r == most ? bc - gc : g == most ? 2.0f + rc - bc : 4.0f + gc - rc;
    Vec hue = fraction(sector * (1.0f / 6) + 1.0f) + turn;
    hue = hue < 0.0f ? hue + 1.0f : hue >= 1.0f ? hue - 1.0f : hue;
    for (int64_t c = 0; c < 3; ++c) {
      Vec k = hue * 6.0f + static_cast<float>(5 - 2 * c);
      k = k >= 6.0f ? k - 6.0f : k;
      const Vec share = at_least(min(min(k, 4.0f - k), one), Vec{});
      store(planes + c * size + i, share > 0.0f ? clamp01(most - chroma * share) : most, lanes);
    }
  });
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
