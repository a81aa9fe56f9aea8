// scenes: a data set that lapidary draws itself. 256x256 RGB landscapes: sky, sun or moon, clouds, mountains,
// and below the horizon a lake, a road, fields or a meadow, with trees. What is where in a picture follows
// from the whole of it (sky above ground, a reflection below what it reflects, lines that meet at the
// horizon), so that a fragment's place can be learnt. Every sample is a pure function of (seed, index), equal
// in every bit on every processor.
#pragma once

#include <cstdint>

namespace lapidary::data {

inline constexpr int kScenesSize = 256, kScenesGrounds = 4, kScenesHours = 3;
inline constexpr int kScenesClasses = kScenesGrounds * kScenesHours;

/// Draws sample `index` of the stream `seed`: 256*256*3 bytes, HWC RGB, into `pixels`; returns the label
/// 0..11: 3 * ground (lake, road, fields, meadow) + hour (day, dusk, night). Every aligned block of twelve
/// indices holds each class once. Thread-safe.
int draw_scene(uint64_t seed, uint64_t index, uint8_t* pixels);

}  // namespace lapidary::data
