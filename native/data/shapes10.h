// shapes10: a data set that lapidary draws itself. 32x32 RGB pictures of ten solid shapes, shaded, textured,
// amid clutter, partly hidden. Every sample is a pure function of (seed, index), equal in every bit on every
// processor, so demos and tests need no download.
#pragma once

#include <cstdint>

namespace lapidary::data {

inline constexpr int kShapes10Size = 32, kShapes10Classes = 10;

/// Draws sample `index` of the stream `seed`: 32*32*3 bytes, HWC RGB, into `pixels`; returns the label 0..9.
/// Every aligned block of ten indices holds each class once. Thread-safe.
int draw_shapes10(uint64_t seed, uint64_t index, uint8_t* pixels);

/// What a person calls each class, by label.
extern const char* const kShapes10Names[kShapes10Classes];

}  // namespace lapidary::data
