// Sky, stars, sun or moon, clouds; and the mountains in front of it.
#include "data/scene_painting.h"

namespace lapidary::data {
namespace {

constexpr int kSize = Scene::kSize;

inline float centre(int place) { return static_cast<float>(place) + 0.5f; }

void paint_air(Scene& scene) {
  const float wide = scene.hour == Hour::dusk ? 0.4f : 1.0f;  // a low sun lights a band along the horizon
  const float reach = scene.hour == Hour::night ? 26.0f : 46.0f;
  const int rows = std::min(static_cast<int>(scene.horizon) + 8, kSize);
  for (int row = 0; row < rows; ++row) {
    const float height = clamp01(1.0f - centre(row) / scene.horizon);
    const Rgb air = mix(scene.light.horizon, scene.light.zenith, height * (2.0f - height));
    for (int column = 0; column < kSize; ++column) {
      const Vec away{(centre(column) - scene.sun.x) * wide, centre(row) - scene.sun.y};
      const float glow = 1.0f / (1.0f + dot(away, away) / (reach * reach));
      scene.at(column, row) = mix(air, scene.light.glow, glow * glow);
    }
  }
}

void paint_stars(Scene& scene) {
  for (int left = 60 + scene.dice.below(120); left > 0; --left) {
    const Vec p{scene.dice.between(0.0f, kSize), scene.dice.between(0.0f, scene.horizon - 4.0f)};
    const float radius = scene.dice.between(0.05f, 0.6f), tint = scene.dice.between(0.75f, 1.0f);
    const int first_column = static_cast<int>(p.x) - 1, first_row = static_cast<int>(p.y) - 1;
    for (int row = std::max(first_row, 0); row < first_row + 3; ++row) {
      for (int column = std::max(first_column, 0); column < std::min(first_column + 3, kSize); ++column) {
        const float share = coverage(length(Vec{centre(column), centre(row)} - p) - radius);
        scene.blend(column, row, {tint, 0.9f, 1.75f - tint}, share * 0.9f);
      }
    }
  }
}

void paint_disc(Scene& scene) {
  const float reach = scene.sun_radius + 1.0f;
  const auto first = [reach](float x) { return std::max(static_cast<int>(x - reach), 0); };
  const auto past = [reach](float x) { return std::min(static_cast<int>(x + reach) + 1, kSize); };
  for (int row = first(scene.sun.y); row < std::min(past(scene.sun.y), static_cast<int>(scene.horizon) + 4);
       ++row) {
    for (int column = first(scene.sun.x); column < past(scene.sun.x); ++column) {
      const Vec p = Vec{centre(column), centre(row)} - scene.sun;
      Rgb colour = scene.light.disc;
      if (scene.hour == Hour::night) {  // the moon's dark plains
        const float spots = scene.noise.octaves(p.x * 0.16f + 90.0f, p.y * 0.16f + 90.0f, 2);
        colour = colour * (1.0f - 0.3f * smooth_step(0.0f, 0.3f, spots));
      }
      scene.blend(column, row, colour, coverage(length(p) - scene.sun_radius));
    }
  }
}

/// Clouds lie on a plane overhead: seen at a height above the horizon, a point of it is as far as 1 / height.
void paint_clouds(Scene& scene) {
  const float cover = scene.dice.between(-0.22f, 0.4f);  // the noise above which there is cloud
  const float softness = scene.dice.between(0.18f, 0.42f);
  const float scale = scene.dice.between(0.7f, 1.5f), stretch = scene.dice.between(0.5f, 1.0f);
  const Vec place{scene.dice.between(0.0f, 200.0f), scene.dice.between(0.0f, 200.0f)};
  constexpr float kOverhead = 150.0f;
  for (int row = 0; row < static_cast<int>(scene.horizon); ++row) {
    const float height = scene.horizon - centre(row) + 9.0f;
    const float far = kOverhead / height, footprint = scale * far / height;
    const float thin = smooth_step(8.0f, 34.0f, height);
    const float v = far * scale + place.y;
    for (int column = 0; column < kSize; ++column) {
      const float u = (centre(column) - scene.vanishing) / height * scale * stretch + place.x;
      const float here = scene.noise.octaves(u, v, 5, footprint * 0.35f);
      const float share = smooth_step(cover, cover + softness, here) * thin;
      if (share <= 0.0f) continue;
      // Lit where the cloud is thinner towards the light.
      const float du = (scene.sun.x - centre(column)) * 0.0016f * scale;
      const float towards = scene.noise.octaves(u + du, v - 0.16f * scale, 3, footprint * 0.35f);
      const float bright = clamp01(0.62f + 1.5f * (here - towards) - 0.5f * (here - cover));
      const Rgb cloud = mix(scene.light.cloud_shade, scene.light.cloud_lit, bright);
      const Vec away = Vec{centre(column), centre(row)} - scene.sun;
      const float rim = 0.35f / (1.0f + dot(away, away) / 1600.0f);
      scene.blend(column, row, mix(cloud, scene.light.glow, rim), share * 0.94f);
    }
  }
}

/// One range: its crest over the columns, and what lies below it.
struct Range {
  float base;    // row of its foot
  float height;  // of the highest crests, in rows
  float wave;    // columns a mountain
  float depth;   // for the haze, in eye heights
  bool rocky;
  float offset;  // its place in the noise
};

void paint_range(Scene& scene, const Range& range) {
  std::array<float, kSize + 1> crest;
  for (int column = 0; column <= kSize; ++column) {
    const float x = centre(column) / range.wave + range.offset;
    const float form = range.rocky
                           ? scene.noise.ridges(x, range.offset, 6, 0.5f / range.wave)
                           : 0.55f + 0.75f * scene.noise.octaves(x, range.offset, 5, 0.7f / range.wave);
    crest[column] = range.base - range.height * clamp01(form);
  }
  const bool winter = scene.season == Season::winter;
  const float snow_line = winter ? 0.12f : scene.dice.between(0.5f, 0.95f);
  const Rgb rock = mix({0.36f, 0.34f, 0.33f}, {0.5f, 0.4f, 0.33f}, scene.dice.between(0.0f, 1.0f));
  const Rgb wood = scene.grass * Rgb{0.62f, 0.66f, 0.62f};
  const float unit = 2.6f / range.wave;  // of the relief, a pixel
  for (int column = 0; column < kSize; ++column) {
    const float slope = crest[column + 1] - crest[column];
    const float across = 1.0f / std::sqrt(1.0f + slope * slope);
    const int left = std::max(column - 12, 0), right = std::min(column + 12, kSize);
    const float side = (crest[right] - crest[left]) / static_cast<float>(right - left);
    const float bend = side / std::sqrt(0.2f + side * side);
    const int first = std::max(static_cast<int>(crest[column]) - 1, 0);
    const int past = std::min(static_cast<int>(scene.horizon) + 8, kSize);
    for (int row = first; row < past; ++row) {
      const float below = centre(row) - crest[column];
      const float share = coverage(-below * across);
      if (share <= 0.0f) continue;
      // The relief bends downhill along the mountainside, so that spurs run down from the summits.
      const float u = (centre(column) + 0.4f * below * bend) * unit + range.offset;
      const float v = centre(row) * unit * 0.55f + range.offset;
      const float here = scene.noise.ridges(u, v, 4, unit);
      const float beside = scene.noise.ridges(u + scene.side * unit * 2.0f, v - unit, 3, unit);
      const float relief = range.rocky ? 2.6f : 1.1f;
      const float facing = 0.5f + relief * (here - beside) + 0.25f * scene.side * bend;
      const float altitude = (range.base - centre(row)) / range.height;
      Rgb surface = rock;
      if (range.rocky) {
        surface = mix(wood, rock, smooth_step(0.15f, 0.5f, altitude + 0.5f * (here - 0.6f)));
        const float snow = smooth_step(snow_line, snow_line + 0.16f, altitude + 0.8f * (here - 0.6f));
        surface = mix(surface, {0.97f, 0.98f, 1.0f}, snow);
      } else {
        surface = wood * (0.8f + 0.5f * here);
      }
      // Mist gathers at the foot.
      const float mist = range.rocky ? 0.4f * clamp01(1.0f - altitude * 2.2f) : 0.0f;
      const Rgb colour = mix(scene.hazed(scene.lit(surface, facing), range.depth), scene.haze, mist);
      scene.blend(column, row, colour, share);
    }
  }
}

}  // namespace

void paint_sky(Scene& scene) {
  paint_air(scene);
  if (scene.hour == Hour::night) paint_stars(scene);
  paint_disc(scene);
  paint_clouds(scene);
}

void paint_mountains(Scene& scene) {
  const int rocky = scene.dice.below(3), hills = scene.dice.below(3);
  const float tall = scene.horizon * scene.dice.between(0.35f, 0.72f);
  for (int i = 0; i < rocky; ++i) {
    const float near = static_cast<float>(i) * 0.32f;
    const float offset = scene.dice.between(0.0f, 200.0f);
    const float wave = scene.dice.between(90.0f, 190.0f) * (1.0f - near * 0.4f);
    paint_range(scene,
                {scene.horizon + 2.0f, tall * (1.0f - near), wave, 42.0f - 40.0f * near, true, offset});
  }
  for (int i = 0; i < std::max(hills, 1); ++i) {
    const float near = static_cast<float>(i) / static_cast<float>(std::max(hills, 1));
    const float height = scene.horizon * scene.dice.between(0.1f, 0.24f) * (1.0f - near * 0.5f);
    const float offset = scene.dice.between(0.0f, 200.0f), wave = scene.dice.between(80.0f, 220.0f);
    paint_range(scene, {scene.horizon + 2.0f, height, wave, 22.0f - 14.0f * near, false, offset});
  }
}

}  // namespace lapidary::data
