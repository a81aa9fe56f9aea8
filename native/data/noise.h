// Gradient noise (K. Perlin, "An image synthesizer", SIGGRAPH 1985) and sums of its octaves, with equal bits
// on every processor.
#pragma once

#include <array>
#include <cstdint>

#include "data/picture.h"

namespace lapidary::data {

/// A smooth random field over the plane, about -1 to 1 and 0 on average, of period 256 along both axes.
class Noise {
 public:
  explicit Noise(Dice& dice);

  /// Features about one unit wide.
  float at(float x, float y) const;

  /// Octaves of doubled frequency and halved weight. One whose waves are shorter than two `footprint`s (what
  /// a pixel covers, in units) fades out, so that what recedes turns smooth and not to grain.
  float octaves(float x, float y, int count, float footprint = 0.0f) const;

  /// Octaves folded at 0: sharp crests, as of mountains. From 0 to about 1.
  float ridges(float x, float y, int count, float footprint = 0.0f) const;

 private:
  std::array<uint8_t, 256> permutation_;
};

}  // namespace lapidary::data
