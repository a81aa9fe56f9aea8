// The parts of a scenes picture (data/scenes.h), painted back to front.
#pragma once

#include <array>
#include <vector>

#include "data/noise.h"
#include "data/picture.h"
#include "data/scenes.h"

namespace lapidary::data {

enum class Ground { lake, road, fields, meadow };
enum class Hour { day, dusk, night };
enum class Season { summer, autumn, winter };

/// Colours of light. What it falls on is multiplied by ambient + facing * direct.
struct Daylight {
  Rgb zenith, horizon, glow, disc;  // of the sky, around the sun or moon, and of it
  Rgb ambient, direct;
  Rgb cloud_lit, cloud_shade;
};

/// A picture in the making, and what all of its parts agree on.
struct Scene {
  static constexpr int kSize = kScenesSize;

  Scene(uint64_t seed, uint64_t index, Ground ground, Hour hour);

  Rgb& at(int column, int row) { return canvas[row * kSize + column]; }
  void blend(int column, int row, Rgb colour, float share) {
    Rgb& pixel = at(column, row);
    pixel = mix(pixel, colour, share);
  }
  /// A surface's colour under this light; `facing` from 0 (in shade) to 1 (towards the light).
  Rgb lit(Rgb surface, float facing) const {
    return surface * (light.ambient + light.direct * clamp01(facing));
  }
  /// What air of a depth (in eye heights) makes of a colour.
  Rgb hazed(Rgb colour, float depth) const {
    return mix(colour, haze, 1.0f - 1.0f / (1.0f + depth * haze_density));
  }
  /// Rows below the horizon of the ground at a depth (in eye heights), and back.
  static constexpr float kFocus = 150.0f;
  float row_at(float depth) const { return horizon + kFocus / depth; }
  float depth_at(float row) const { return kFocus / std::max(row - horizon, 0.25f); }
  float column_at(float x, float depth) const { return vanishing + x * kFocus / depth; }

  Dice dice;
  Ground ground;
  Hour hour;
  Season season;
  Noise noise;
  Daylight light;
  float horizon;    // row
  float vanishing;  // column at which lines ahead meet
  Vec sun;          // sun or moon: column, row
  float sun_radius;
  float side;  // where the light comes from: -1 left .. 1 right
  Rgb haze, grass;
  float haze_density;
  std::vector<Rgb> canvas;
};

void paint_sky(Scene& scene);
void paint_mountains(Scene& scene);
/// The other side of a lake.
void paint_far_shore(Scene& scene);
/// Trees along the horizon; a lake mirrors them.
void paint_far_trees(Scene& scene);
void paint_ground(Scene& scene);
/// Trees on the ground, the far ones before the near ones.
void paint_near_trees(Scene& scene);

}  // namespace lapidary::data
