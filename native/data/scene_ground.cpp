// What lies below the horizon: a lake, a road, fields or a meadow.
#include "data/scene_painting.h"

namespace lapidary::data {
namespace {

constexpr int kSize = Scene::kSize;

inline float centre(int place) { return static_cast<float>(place) + 0.5f; }

/// The share of a wave's high half within a pixel: a square wave of period 1 seen through a box as wide as
/// `footprint`; 1/2 where the waves are too narrow to be told apart.
float stripe(float x, float footprint) {
  const float part = x - static_cast<float>(static_cast<int>(x));
  const float inside = 0.25f - std::fabs(part - 0.5f);  // in units; positive in the high half
  const float sharp = clamp01(0.5f + inside / std::max(footprint, 0.02f));
  return sharp + (0.5f - sharp) * smooth_step(0.25f, 0.7f, footprint);
}

/// Calls `colour(x, depth, footprint)` for every pixel of the ground, x and depth in eye heights; `footprint`
/// is what the pixel covers in depth.
template <class Colour>
void paint_plane(Scene& scene, Colour colour) {
  const int first = std::max(static_cast<int>(scene.horizon), 0);
  for (int row = first; row < kSize; ++row) {
    const float depth = scene.depth_at(centre(row));
    const float footprint = depth * depth / Scene::kFocus, across = depth / Scene::kFocus;
    const float share = coverage(scene.horizon - centre(row));
    for (int column = 0; column < kSize; ++column) {
      const float x = (centre(column) - scene.vanishing) * across;
      scene.blend(column, row, scene.hazed(colour(x, depth, across, footprint), depth), share);
    }
  }
}

/// Grass (or snow): broad patches, and tufts where they can be seen.
Rgb turf(const Scene& scene, Rgb colour, float x, float depth, float across, float footprint) {
  const float patches = scene.noise.octaves(x * 0.55f + 40.0f, depth * 0.4f, 2, footprint * 0.2f);
  const float tufts =
      scene.noise.octaves(x * 9.0f, depth * 5.0f + 70.0f, 3, std::max(across * 9.0f, footprint * 2.2f));
  const float strength = scene.season == Season::winter ? 0.4f : 1.0f;
  const Rgb dry = colour * Rgb{1.18f, 1.02f, 0.8f};
  return scene.lit(mix(colour, dry, clamp01(0.5f + patches)),
                   0.62f + strength * (0.55f * tufts + 0.25f * patches));
}

void paint_meadow(Scene& scene) {
  const bool flowers = scene.season == Season::summer && scene.dice.chance(0.6f);
  const Rgb petals = scene.dice.chance(0.5f) ? Rgb{0.95f, 0.82f, 0.25f} : Rgb{0.82f, 0.45f, 0.75f};
  paint_plane(scene, [&](float x, float depth, float across, float footprint) {
    Rgb colour = turf(scene, scene.grass, x, depth, across, footprint);
    if (flowers) {
      const float beds =
          smooth_step(-0.05f, 0.3f, scene.noise.octaves(x * 0.4f + 9.0f, depth * 0.35f, 2, footprint * 0.3f));
      const float heads =
          scene.noise.octaves(x * 14.0f + 33.0f, depth * 7.0f, 2, std::max(across * 8.0f, footprint * 2.0f));
      colour = mix(colour, scene.lit(petals, 0.8f), 0.9f * beds * smooth_step(0.12f, 0.3f, heads));
    }
    return colour;
  });
}

/// Strips of crops across the view, each with furrows in a direction of its own that meet at the horizon.
void paint_fields(Scene& scene) {
  struct Field {
    float until;   // depth at which the next begins
    float turn;    // x by which its furrows shift a unit of depth
    float period;  // between two furrows
    Rgb crop, soil;
    float tilt;  // of its far edge
  };
  std::array<Field, 6> fields;
  float until = 0.0f;
  float step = scene.dice.between(1.4f, 2.6f);
  const bool winter = scene.season == Season::winter;
  for (Field& field : fields) {
    until += step;
    step *= scene.dice.between(1.5f, 2.1f);
    const std::array<Rgb, 4> crops{
        {{0.36f, 0.5f, 0.2f}, {0.72f, 0.6f, 0.28f}, {0.55f, 0.58f, 0.25f}, {0.46f, 0.36f, 0.26f}}};
    const Rgb crop = winter ? Rgb{0.86f, 0.88f, 0.92f} : crops[scene.dice.below(4)];
    const float turn = scene.dice.between(-0.9f, 0.9f), period = scene.dice.between(0.16f, 0.4f);
    const float tilt = scene.dice.between(-0.12f, 0.12f);
    field = {until, turn, period, crop, mix(crop * 0.62f, {0.36f, 0.28f, 0.2f}, winter ? 0.25f : 0.4f), tilt};
  }
  paint_plane(scene, [&](float x, float depth, float across, float footprint) {
    const auto colour_of = [&](const Field& field) {
      const float u = (x - field.turn * depth) / field.period + 4096.0f;
      const float width = (across + std::fabs(field.turn) * footprint) / field.period;
      const Rgb ground = mix(field.soil, field.crop, stripe(u, width));
      return turf(scene, ground, x, depth, across, footprint);
    };
    int i = 0;
    while (i < 5 && depth > fields[i].until + fields[i].tilt * x) ++i;
    Rgb colour = colour_of(fields[i]);
    if (i < 5) {  // a hedge along the far edge, as wide as it is seen
      const float edge = fields[i].until + fields[i].tilt * x - depth;
      const float hedge = coverage((edge - 0.09f * (1.0f + 0.08f * depth)) / std::max(footprint, 0.01f));
      colour =
          mix(colour, scene.lit(scene.grass * 0.5f, 0.4f + 0.3f * scene.noise.at(x * 6.0f, depth)), hedge);
    }
    return colour;
  });
}

void paint_road(Scene& scene) {
  const float half = scene.dice.between(0.5f, 0.85f), bend = scene.dice.between(-0.012f, 0.012f);
  const float start = scene.dice.between(-0.25f, 0.25f);
  const bool paved = scene.dice.chance(0.65f);
  const Rgb surface = paved ? Rgb{0.33f, 0.33f, 0.35f} : Rgb{0.58f, 0.48f, 0.36f};
  const auto middle = [&](float depth) { return start + bend * depth * depth / (1.0f + 0.02f * depth); };
  paint_plane(scene, [&](float x, float depth, float across, float footprint) {
    Rgb colour = turf(scene, scene.grass, x, depth, across, footprint);
    const float from_middle = std::fabs(x - middle(depth));
    const auto band = [&](float limit) { return coverage((from_middle - limit) / across); };
    const float grain =
        scene.noise.octaves(x * 12.0f, depth * 8.0f, 2, std::max(across * 12.0f, footprint * 8.0f));
    colour = mix(colour, scene.lit({0.52f, 0.46f, 0.37f}, 0.6f + 0.4f * grain), band(half * 1.2f));
    Rgb way = scene.lit(surface, 0.62f + 0.3f * grain);
    if (paved) {
      const Rgb paint = scene.lit({0.9f, 0.89f, 0.84f}, 0.75f);
      const float dash = stripe(depth * 0.55f + 8.0f, footprint * 0.55f);
      way = mix(way, paint, band(0.028f) * dash);
      way = mix(way, paint, band(half * 0.93f) - band(half * 0.88f));
    } else {  // two ruts and a green strip
      way = mix(way, scene.lit(scene.grass, 0.55f), 0.7f * band(half * 0.22f + 0.06f * grain));
      way = mix(way, way * 0.8f, band(half * 0.72f) - band(half * 0.42f));
    }
    return mix(colour, way, band(half));
  });
  // Posts on both sides: equal distances, so their rows tell the depth.
  const float gap = scene.dice.between(1.0f, 1.8f), height = scene.dice.between(0.3f, 0.5f);
  for (int i = 16; i >= 1; --i) {
    const float depth = 0.6f + gap * static_cast<float>(i);
    const float scale = Scene::kFocus / depth;
    const float foot = scene.row_at(depth), top = foot - height * scale, width = 0.03f * scale;
    for (const float sign : {-1.0f, 1.0f}) {
      const float x = scene.column_at(middle(depth) + sign * half * 1.45f, depth);
      const Rgb wood = scene.season == Season::winter ? Rgb{0.4f, 0.36f, 0.33f} : Rgb{0.5f, 0.42f, 0.32f};
      for (int row = std::max(static_cast<int>(top), 0); row <= std::min(static_cast<int>(foot), kSize - 1);
           ++row) {
        const float within = std::min(coverage(top - centre(row)), coverage(centre(row) - foot));
        const int first = std::max(static_cast<int>(x - width - 1.0f), 0);
        for (int column = first; column < std::min(static_cast<int>(x + width + 2.0f), kSize); ++column) {
          const float dx = centre(column) - x;
          const float share = std::min(coverage(std::fabs(dx) - width), 2.0f * width) * within;
          if (share <= 0.0f) continue;
          const float facing =
              0.5f + 0.5f * scene.side * std::min(std::max(dx / std::max(width, 0.5f), -1.0f), 1.0f);
          scene.blend(column, row, scene.hazed(scene.lit(wood, facing), depth), clamp01(share));
        }
      }
    }
  }
}

/// Mirrors what stands above the shore, through waves that grow towards the viewer.
void paint_lake(Scene& scene) {
  const float shore = scene.horizon + 3.0f;
  const float roughness = scene.dice.between(0.25f, 1.3f);
  const bool day = scene.hour == Hour::day;
  const Rgb deep =
      scene.lit(mix({0.05f, 0.2f, 0.26f}, {0.06f, 0.24f, 0.2f}, scene.dice.between(0.0f, 1.0f)), 0.6f);
  const Vec place{scene.dice.between(0.0f, 200.0f), scene.dice.between(0.0f, 200.0f)};
  const int first = static_cast<int>(shore);
  const std::vector<Rgb> above(scene.canvas.begin(), scene.canvas.begin() + (first + 1) * kSize);
  const auto sample = [&](float column, float row) {
    const float x = std::min(std::max(column - 0.5f, 0.0f), kSize - 1.001f);
    const float y = std::min(std::max(row - 0.5f, 0.0f), static_cast<float>(first) - 1.0f);
    const int left = static_cast<int>(x), top = static_cast<int>(y);
    const Rgb* from = &above[top * kSize + left];
    const float fx = x - static_cast<float>(left);
    return mix(mix(from[0], from[1], fx), mix(from[kSize], from[kSize + 1], fx), y - static_cast<float>(top));
  };
  for (int row = first; row < kSize; ++row) {
    const float down = centre(row) - shore, near = clamp01(down / (kSize - shore));
    const float depth = Scene::kFocus / (down + 2.5f), across = depth / Scene::kFocus;
    const float footprint = depth * across;
    const float tall = roughness * (1.0f + 9.0f * near);  // of a wave's reflection, in rows
    const float share = coverage(-down);
    for (int column = 0; column < kSize; ++column) {
      const float x = (centre(column) - scene.vanishing) * across;
      const float swell =
          scene.noise.octaves(x * 2.6f + place.x, depth * 6.0f + place.y, 4, footprint * 2.5f);
      const float ripple =
          scene.noise.at(x * 9.0f + place.y, depth * 26.0f + place.x) * clamp01(1.5f - footprint * 40.0f);
      const float wave = swell + 0.35f * ripple;
      const Rgb mirrored =
          sample(centre(column) + tall * 0.5f * wave, shore - down * 0.86f + tall * 1.6f * wave);
      // Steeper view, less mirror (after Fresnel); waves that lean away show the depth.
      const float clear = clamp01(0.1f + 0.42f * near * near + 0.35f * roughness * wave);
      Rgb colour = mix(mirrored * 0.93f, deep, clear);
      const float off = (centre(column) - scene.sun.x) / (6.0f + 26.0f * near);
      const float glitter = smooth_step(0.16f, 0.5f, wave) / (1.0f + off * off);
      colour = mix(colour, scene.light.disc, (day ? 0.45f : 0.75f) * glitter);
      scene.blend(column, row, colour, share);
    }
  }
}

}  // namespace

void paint_far_shore(Scene& scene) {
  if (scene.ground != Ground::lake) return;
  const float rise = scene.dice.between(1.0f, 3.0f), offset = scene.dice.between(0.0f, 200.0f);
  for (int column = 0; column < kSize; ++column) {
    const float edge = scene.horizon - rise * (0.6f + scene.noise.octaves(centre(column) * 0.03f, offset, 3));
    for (int row = std::max(static_cast<int>(edge) - 1, 0); row < static_cast<int>(scene.horizon) + 8;
         ++row) {
      const float grain = scene.noise.octaves(centre(column) * 0.2f, centre(row) * 0.7f, 2);
      const Rgb colour = scene.hazed(scene.lit(scene.grass * 0.8f, 0.5f + 0.5f * grain), 10.0f);
      scene.blend(column, row, colour, coverage(edge - centre(row)));
    }
  }
}

void paint_ground(Scene& scene) {
  switch (scene.ground) {
    case Ground::lake:
      return paint_lake(scene);
    case Ground::road:
      return paint_road(scene);
    case Ground::fields:
      return paint_fields(scene);
    case Ground::meadow:
      return paint_meadow(scene);
  }
}

}  // namespace lapidary::data
