#include "data/noise.h"

#include <utility>

namespace lapidary::data {
namespace {

constexpr float kDiagonal = 0.70710678f;
constexpr std::array<Vec, 8> kGradients{{{1, 0},
                                         {kDiagonal, kDiagonal},
                                         {0, 1},
                                         {-kDiagonal, kDiagonal},
                                         {-1, 0},
                                         {-kDiagonal, -kDiagonal},
                                         {0, -1},
                                         {kDiagonal, -kDiagonal}}};

inline int floor_of(float x) {
  const int whole = static_cast<int>(x);
  return x < static_cast<float>(whole) ? whole - 1 : whole;
}

inline float fade(float t) { return t * t * t * (t * (t * 6.0f - 15.0f) + 10.0f); }

/// The weight of an octave whose waves are 1 / frequency long.
inline float band_limit(float frequency, float footprint) {
  return clamp01(2.0f - 4.0f * frequency * footprint);
}

}  // namespace

Noise::Noise(Dice& dice) {
  for (int i = 0; i < 256; ++i) permutation_[i] = static_cast<uint8_t>(i);
  for (int i = 255; i > 0; --i) std::swap(permutation_[i], permutation_[dice.below(i + 1)]);
}

float Noise::at(float x, float y) const {
  const int column = floor_of(x), row = floor_of(y);
  const float fx = x - static_cast<float>(column), fy = y - static_cast<float>(row);
  const int left = permutation_[column & 255], right = permutation_[(column + 1) & 255];
  const auto slope = [&](int hashed, int step, float dx, float dy) {
    return dot(kGradients[permutation_[(hashed + row + step) & 255] & 7], {dx, dy});
  };
  const float u = fade(fx), v = fade(fy);
  const float a = slope(left, 0, fx, fy), b = slope(right, 0, fx - 1.0f, fy);
  const float c = slope(left, 1, fx, fy - 1.0f), d = slope(right, 1, fx - 1.0f, fy - 1.0f);
  const float upper = a + (b - a) * u, lower = c + (d - c) * u;
  return 1.5f * (upper + (lower - upper) * v);
}

float Noise::octaves(float x, float y, int count, float footprint) const {
  float sum = 0.0f, weight = 0.5f, frequency = 1.0f;
  for (int i = 0; i < count; ++i, weight *= 0.5f, frequency *= 2.0f) {
    const float share = band_limit(frequency, footprint);
    if (share <= 0.0f) break;
    // Each octave has a place of its own, or all of them would be 0 at the whole numbers.
    const float shift = 17.31f * static_cast<float>(i);
    sum += share * weight * at(x * frequency + shift, y * frequency + shift);
  }
  return sum;
}

float Noise::ridges(float x, float y, int count, float footprint) const {
  float sum = 0.0f, weight = 0.5f, frequency = 1.0f;
  for (int i = 0; i < count; ++i, weight *= 0.5f, frequency *= 2.0f) {
    const float share = band_limit(frequency, footprint);
    const float shift = 17.31f * static_cast<float>(i);
    const float crest =
        share > 0.0f ? 1.0f - std::fabs(at(x * frequency + shift, y * frequency + shift)) : 0.0f;
    sum += weight * (share * crest * crest + (1.0f - share) * 0.6f);  // 0.6: what a crest is on average
  }
  return sum;
}

}  // namespace lapidary::data
