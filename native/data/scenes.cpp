// Draws the scenes pictures. A picture is painted back to front, as its parts hide one another: sky,
// mountains, far shore and trees, ground (of which a lake mirrors all that), near trees; then noise and
// rounding.
//
// Equal bits everywhere: see data/picture.h.
#include "data/scenes.h"

#include "data/scene_painting.h"

namespace lapidary::data {
namespace {

constexpr int kSize = Scene::kSize;

Daylight daylight_of(Hour hour, Dice& dice) {
  const float warm = dice.between(0.0f, 1.0f);
  switch (hour) {
    case Hour::day:
      return {.zenith = mix({0.16f, 0.37f, 0.72f}, {0.3f, 0.5f, 0.76f}, warm),
              .horizon = mix({0.7f, 0.83f, 0.93f}, {0.86f, 0.87f, 0.84f}, warm),
              .glow = {1.0f, 0.97f, 0.86f},
              .disc = {1.0f, 0.99f, 0.93f},
              .ambient = {0.42f, 0.48f, 0.56f},
              .direct = {0.82f, 0.75f, 0.62f},
              .cloud_lit = {1.0f, 0.99f, 0.97f},
              .cloud_shade = {0.58f, 0.64f, 0.73f}};
    case Hour::dusk:
      return {.zenith = mix({0.16f, 0.2f, 0.42f}, {0.34f, 0.28f, 0.46f}, warm),
              .horizon = mix({0.95f, 0.55f, 0.3f}, {0.93f, 0.46f, 0.42f}, warm),
              .glow = {1.0f, 0.82f, 0.5f},
              .disc = {1.0f, 0.93f, 0.7f},
              .ambient = {0.3f, 0.25f, 0.34f},
              .direct = {0.78f, 0.47f, 0.27f},
              .cloud_lit = mix({1.0f, 0.66f, 0.42f}, {0.98f, 0.55f, 0.5f}, warm),
              .cloud_shade = {0.38f, 0.28f, 0.42f}};
    default:
      return {.zenith = mix({0.02f, 0.03f, 0.1f}, {0.05f, 0.06f, 0.16f}, warm),
              .horizon = mix({0.12f, 0.17f, 0.32f}, {0.2f, 0.2f, 0.36f}, warm),
              .glow = {0.42f, 0.48f, 0.62f},
              .disc = {0.96f, 0.95f, 0.88f},
              .ambient = {0.11f, 0.14f, 0.25f},
              .direct = {0.22f, 0.26f, 0.36f},
              .cloud_lit = {0.36f, 0.4f, 0.54f},
              .cloud_shade = {0.08f, 0.1f, 0.19f}};
  }
}

/// A hundredth of noise, as a sensor adds, and rounding to bytes.
void expose(Scene& scene, uint8_t* pixels) {
  const float gain = scene.dice.between(0.92f, 1.06f);
  for (const Rgb& pixel : scene.canvas) {
    const uint32_t word = scene.dice.word();  // three of its bytes are the noise, +-2 levels
    const auto byte = [gain](float value, uint32_t noise) {
      const float level =
          value * gain * 255.0f + (static_cast<float>(noise & 255) - 127.5f) * (2.0f / 127.5f);
      return static_cast<uint8_t>(std::min(std::max(level, 0.0f), 255.0f) + 0.5f);
    };
    *pixels++ = byte(pixel.r, word);
    *pixels++ = byte(pixel.g, word >> 8);
    *pixels++ = byte(pixel.b, word >> 16);
  }
}

}  // namespace

Scene::Scene(uint64_t seed, uint64_t index, Ground on, Hour at_hour)
    : dice(seed, index),
      ground(on),
      hour(at_hour),
      season(static_cast<Season>(dice.below(3))),
      noise(dice),
      light(daylight_of(hour, dice)),
      canvas(static_cast<size_t>(kSize) * kSize) {
  horizon = dice.between(112.0f, 156.0f);
  vanishing = dice.between(88.0f, 168.0f);
  const float low = hour == Hour::dusk ? 0.72f : 0.2f, high = hour == Hour::dusk ? 0.99f : 0.6f;
  const float sun_row = horizon * dice.between(low, high);
  sun = {dice.between(22.0f, kSize - 22.0f), sun_row};
  sun_radius = hour == Hour::night ? dice.between(7.0f, 12.0f) : dice.between(8.0f, 14.0f);
  side = std::min(std::max((sun.x - kSize * 0.5f) / 70.0f, -1.0f), 1.0f);
  haze = mix(light.horizon, light.glow, hour == Hour::dusk ? 0.15f : 0.05f);
  haze_density = dice.between(0.012f, 0.034f);
  const float shade = dice.between(0.0f, 1.0f);
  switch (season) {
    case Season::summer:
      grass = mix({0.24f, 0.42f, 0.14f}, {0.4f, 0.48f, 0.2f}, shade);
      break;
    case Season::autumn:
      grass = mix({0.5f, 0.46f, 0.22f}, {0.56f, 0.43f, 0.24f}, shade);
      break;
    case Season::winter:
      grass = mix({0.84f, 0.87f, 0.93f}, {0.9f, 0.91f, 0.93f}, shade);
      break;
  }
}

int draw_scene(uint64_t seed, uint64_t index, uint8_t* pixels) {
  const int label = deal_label<kScenesClasses>(seed, index);
  Scene scene(seed, index, static_cast<Ground>(label / kScenesHours),
              static_cast<Hour>(label % kScenesHours));
  paint_sky(scene);
  paint_mountains(scene);
  paint_far_shore(scene);
  if (scene.ground == Ground::lake) paint_far_trees(scene);
  paint_ground(scene);
  if (scene.ground != Ground::lake && scene.dice.chance(0.6f)) paint_far_trees(scene);
  paint_near_trees(scene);
  expose(scene, pixels);
  return label;
}

}  // namespace lapidary::data
