// What every drawn data set paints with: points, colours, and the random numbers of one picture.
//
// Equal bits everywhere: floats see only + - * / and sqrt, which IEEE 754 rounds exactly, never contracted to
// fused multiply-adds (the build passes -ffp-contract=off); so angles are rational points of the circle. And
// one expression draws one random number, or several in braces: C++ leaves other orders to the compiler.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "core/philox.h"

namespace lapidary::data {

struct Vec {
  float x, y;
};
inline Vec operator+(Vec a, Vec b) { return {a.x + b.x, a.y + b.y}; }
inline Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y}; }
inline Vec operator*(Vec a, float s) { return {a.x * s, a.y * s}; }
inline float dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y; }
inline float length(Vec a) { return std::sqrt(dot(a, a)); }
inline float clamp01(float x) { return std::min(std::max(x, 0.0f), 1.0f); }

/// 0 below `low`, 1 above `high`, a cubic without corners between them.
inline float smooth_step(float low, float high, float x) {
  const float t = clamp01((x - low) / (high - low));
  return t * t * (3.0f - 2.0f * t);
}

/// How much of a pixel a shape covers whose edge runs at this distance from the pixel's centre.
inline float coverage(float distance) { return clamp01(0.5f - distance); }

struct Rgb {
  float r, g, b;
};
inline Rgb operator+(Rgb c, Rgb d) { return {c.r + d.r, c.g + d.g, c.b + d.b}; }
inline Rgb operator*(Rgb c, Rgb d) { return {c.r * d.r, c.g * d.g, c.b * d.b}; }
inline Rgb operator*(Rgb c, float s) { return {c.r * s, c.g * s, c.b * s}; }
inline Rgb mix(Rgb from, Rgb to, float share) {
  const auto blend = [share](float a, float b) { return a + (b - a) * share; };
  return {blend(from.r, to.r), blend(from.g, to.g), blend(from.b, to.b)};
}

/// The random numbers of one sample, in the order in which they are asked for.
class Dice {
 public:
  Dice(uint64_t seed, uint64_t index) : seed_(seed), index_(index) {}

  uint32_t word() {
    if (used_ == 4) {
      block_ = Philox::block(seed_, index_, draw_++);
      used_ = 0;
    }
    return block_[used_++];
  }
  float between(float low, float high) { return low + (high - low) * Philox::uniform(word()); }
  int below(uint32_t n) { return static_cast<int>((static_cast<uint64_t>(word()) * n) >> 32); }
  bool chance(float probability) { return between(0.0f, 1.0f) < probability; }

  /// A unit vector at an angle within +-2 atan(limit) of the x axis: limit 1 gives the right half circle.
  Vec direction(float limit) {
    const float t = between(-limit, limit);
    const float scale = 1.0f / (1.0f + t * t);
    return {(1.0f - t * t) * scale, 2.0f * t * scale};
  }

 private:
  uint64_t seed_, index_, draw_ = 0;
  Philox::Block block_{};
  unsigned used_ = 4;
};

/// Classes are dealt in hands that hold each once. The dealer draws from the far half of the counters,
/// pictures never do.
template <int kClasses>
int deal_label(uint64_t seed, uint64_t index) {
  constexpr uint64_t kDealer = uint64_t{1} << 63;
  Dice dice(seed, kDealer | (index / kClasses));
  std::array<int, kClasses> hand{};
  for (int i = 1; i < kClasses; ++i) {
    const int place = dice.below(static_cast<uint32_t>(i + 1));
    hand[i] = hand[place];
    hand[place] = i;
  }
  return hand[index % kClasses];
}

}  // namespace lapidary::data
