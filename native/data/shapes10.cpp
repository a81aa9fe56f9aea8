// Draws the shapes10 pictures. A picture is painted back to front: a textured background, clutter, a shadow,
// the object, something in front of it, uneven light, sensor noise. A shape is a signed distance (in pixels,
// negative inside): it gives smooth edges and, read as a height, the slopes that catch the light.
// Equal bits everywhere: see data/picture.h.

#include "data/shapes10.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/picture.h"

namespace lapidary::data {

const char* const kShapes10Names[kShapes10Classes] = {"ball",  "box",      "pyramid", "star",  "ring",
                                                      "cross", "crescent", "heart",   "arrow", "dumbbell"};

namespace {

constexpr int kSize = kShapes10Size;

// ---- shapes: signed distances, in a frame where the shape has a radius of about 1 and y points down

float box_distance(Vec p, Vec half) {
  const Vec q{std::fabs(p.x) - half.x, std::fabs(p.y) - half.y};
  return length({std::max(q.x, 0.0f), std::max(q.y, 0.0f)}) + std::min(std::max(q.x, q.y), 0.0f);
}

float ball(Vec p) { return length(p) - 0.86f; }

float box(Vec p) { return box_distance(p, {0.62f, 0.62f}) - 0.06f; }

float pyramid(Vec p) {
  const Vec slope{0.8746f, -0.4848f};  // the outer normal of the right side
  const float sides = slope.x * std::fabs(p.x) + slope.y * (p.y + 0.95f);
  return std::max(sides, p.y - 0.72f);
}

/// Five points: two mirrors fold the plane onto half a point, whose edge is one segment.
float star(Vec p) {
  constexpr Vec kMirror1{0.809016994f, -0.587785252f}, kMirror2{-0.809016994f, -0.587785252f};
  constexpr float kInner = 0.45f;
  p = {std::fabs(p.x), -p.y};
  p = p - kMirror1 * (2.0f * std::max(dot(kMirror1, p), 0.0f));
  p = p - kMirror2 * (2.0f * std::max(dot(kMirror2, p), 0.0f));
  p = {std::fabs(p.x), p.y - 1.05f};
  const Vec edge{-kMirror1.y * kInner, kMirror1.x * kInner - 1.0f};
  const float along = std::min(std::max(dot(p, edge) / dot(edge, edge), 0.0f), 1.05f);
  const float outside = p.y * edge.x - p.x * edge.y;
  return std::copysign(length(p - edge * along), outside);
}

float ring(Vec p) { return std::fabs(length(p) - 0.68f) - 0.25f; }

float cross(Vec p) { return std::min(box_distance(p, {0.95f, 0.29f}), box_distance(p, {0.29f, 0.95f})); }

float crescent(Vec p) { return std::max(length(p) - 0.95f, 0.78f - length(p - Vec{0.48f, 0.0f})); }

/// Half of it is a lobe above the diagonal through its lower tip, a wedge below.
float heart(Vec p) {
  p = Vec{std::fabs(p.x), 0.92f - p.y} * 0.62f;
  if (p.x + p.y > 1.0f) return (length(p - Vec{0.25f, 0.75f}) - 0.353553391f) / 0.62f;
  const Vec diagonal = Vec{0.5f, 0.5f} * std::max(p.x + p.y, 0.0f);
  return std::copysign(std::min(length(p - Vec{0.0f, 1.0f}), length(p - diagonal)), p.x - p.y) / 0.62f;
}

float arrow(Vec p) {
  const float shaft = box_distance(p - Vec{0.0f, 0.45f}, {0.2f, 0.55f});
  const float head = std::max(0.7071f * (std::fabs(p.x) - p.y - 1.0f), p.y + 0.15f);
  return std::min(shaft, head);
}

float dumbbell(Vec p) {
  const float ends = length({std::fabs(p.x) - 0.68f, p.y}) - 0.38f;
  return std::min(ends, box_distance(p, {0.68f, 0.14f}));
}

using Shape = float (*)(Vec);
constexpr Shape kShapes[kShapes10Classes] = {ball,  box,      pyramid, star,  ring,
                                             cross, crescent, heart,   arrow, dumbbell};

// ---- materials: two shades of a colour and a texture that mixes them

enum class Texture { plain, clouds, stripes, checks };

class Material {
 public:
  Material(Dice& dice, float level, float spread) : texture_(static_cast<Texture>(dice.below(4))) {
    const Rgb middle = colour(dice, level);
    first_ = middle * ((level - spread) / level);
    second_ = middle * ((level + spread) / level);
    const float frequency = dice.between(0.1f, 0.22f);
    along_ = dice.direction(1.0f) * frequency;
    phase_ = dice.between(16.0f, 17.0f);  // keeps the argument of wave() positive
    if (texture_ == Texture::clouds) {
      for (float& knot : knots_) knot = dice.between(0.0f, 1.0f);
    }
  }

  Rgb at(Vec p) const { return mix(first_, second_, share(p)); }

  /// A colour of a brightness near `level`, in any tint.
  static Rgb colour(Dice& dice, float level) {
    const Rgb tint{dice.between(-0.2f, 0.2f), dice.between(-0.2f, 0.2f), dice.between(-0.2f, 0.2f)};
    const float excess = (tint.r + tint.g + tint.b) * (1.0f / 3.0f);
    return {level + tint.r - excess, level + tint.g - excess, level + tint.b - excess};
  }

 private:
  static constexpr int kKnots = 9, kKnotPixels = 4;

  float share(Vec p) const {
    const float u = wave(dot(p, along_) + phase_);
    switch (texture_) {
      case Texture::clouds:
        return cloud(p);
      case Texture::stripes:
        return clamp01(0.5f + 2.0f * u);
      case Texture::checks:
        return clamp01(0.5f + 4.0f * u * wave(dot(p, {-along_.y, along_.x}) + phase_));
      default:
        return 0.5f;
    }
  }

  /// A triangle wave of period 1 between -1 and 1, for positive x.
  static float wave(float x) {
    const float part = x - static_cast<float>(static_cast<int>(x));
    return std::fabs(part * 4.0f - 2.0f) - 1.0f;
  }

  /// Random knots four pixels apart, and straight lines between them.
  float cloud(Vec p) const {
    const float x = p.x / kKnotPixels, y = p.y / kKnotPixels;
    const int column = static_cast<int>(x), row = static_cast<int>(y);
    const float* knot = &knots_[row * kKnots + column];
    const float fx = x - static_cast<float>(column), fy = y - static_cast<float>(row);
    const float upper = knot[0] + (knot[1] - knot[0]) * fx;
    const float lower = knot[kKnots] + (knot[kKnots + 1] - knot[kKnots]) * fx;
    return upper + (lower - upper) * fy;
  }

  Texture texture_;
  Rgb first_, second_;
  Vec along_;
  float phase_;
  std::array<float, kKnots * kKnots> knots_{};
};

// ---- painting

using Canvas = std::array<Rgb, kSize * kSize>;

inline Vec pixel_centre(int column, int row) {
  return {static_cast<float>(column) + 0.5f, static_cast<float>(row) + 0.5f};
}

/// Half of a stick that is a disc: all but nothing, as its length is a divisor.
constexpr float kDot = 0.01f;

/// Paints a stick with round ends, from middle - half to middle + half.
template <class Colour>
void paint_stick(Canvas& canvas, Vec middle, Vec half, float radius, Colour colour) {
  const float reach = length(half) + radius + 1.0f;
  const Vec scale = half * (1.0f / dot(half, half));
  const auto first = [reach](float x) { return std::max(static_cast<int>(x - reach), 0); };
  const auto past = [reach](float x) { return std::min(static_cast<int>(x + reach) + 1, kSize); };
  for (int row = first(middle.y); row < past(middle.y); ++row) {
    for (int column = first(middle.x); column < past(middle.x); ++column) {
      const Vec p = pixel_centre(column, row);
      const float along = std::min(std::max(dot(p - middle, scale), -1.0f), 1.0f);
      const float share = coverage(length(p - middle - half * along) - radius);
      Rgb& pixel = canvas[row * kSize + column];
      if (share > 0.0f) pixel = mix(pixel, colour(p), share);
    }
  }
}

/// Sticks and pebbles: too small to be mistaken for objects, as bright as they are.
void scatter_clutter(Canvas& canvas, Dice& dice) {
  for (int left = 2 + dice.below(5); left > 0; --left) {
    const Vec middle{dice.between(0.0f, kSize), dice.between(0.0f, kSize)};
    const float half_length = dice.chance(0.5f) ? dice.between(2.0f, 6.0f) : kDot;
    const Vec half = dice.direction(1.0f) * half_length;
    const float radius = dice.between(0.8f, 1.8f);
    const Rgb colour = Material::colour(dice, dice.between(0.1f, 0.8f));
    paint_stick(canvas, middle, half, radius, [&](Vec) { return colour; });
  }
}

/// Where the object is, how it is turned, how large it is.
struct Pose {
  Vec centre, axis;  // the shape's x axis, as long as 1 / radius
  float radius;

  explicit Pose(Dice& dice) {
    radius = dice.between(7.5f, 12.0f);
    const float low = radius - 1.0f, high = kSize - low;
    centre = {dice.between(low, high), dice.between(low, high)};
    axis = dice.direction(0.4f) * (1.0f / radius);
  }
  Vec to_shape(Vec p) const {
    const Vec q = p - centre;
    return {dot(q, axis), axis.x * q.y - axis.y * q.x};
  }
};

/// The object at every pixel centre, and one pixel beyond each border for slopes.
class Relief {
 public:
  static constexpr int kStride = kSize + 2;

  /// From its edge the object rises in a quarter circle as wide as the bevel, then stays flat.
  Relief(Shape shape, const Pose& pose, float bevel) {
    for (int i = 0; i < kStride * kStride; ++i) {
      const Vec p = pixel_centre(i % kStride - 1, i / kStride - 1);
      distance_[i] = shape(pose.to_shape(p)) * pose.radius;
    }
    for (int i = 0; i < kStride * kStride; ++i) {
      const float inward = clamp01(distance_[i] * (-1.0f / bevel));
      height_[i] = bevel * std::sqrt(inward * (2.0f - inward));
    }
  }

  float distance(int column, int row) const { return distance_[place(column, row)]; }
  Vec slope(int column, int row) const {
    const float* height = &height_[place(column, row)];
    return {(height[1] - height[-1]) * 0.5f, (height[kStride] - height[-kStride]) * 0.5f};
  }

 private:
  static int place(int column, int row) { return (row + 1) * kStride + column + 1; }

  std::array<float, kStride * kStride> distance_, height_;
};

/// Light from above and from one side.
struct Light {
  Vec from;
  float height, ambient;

  explicit Light(Dice& dice) {
    const Vec side = dice.direction(0.4f);
    from = Vec{side.y, -side.x} * 0.75f;
    height = 0.6614f;  // makes (from, height) a unit vector
    ambient = dice.between(0.5f, 0.75f);
  }
};

void paint_shadow(Canvas& canvas, const Relief& object, const Light& light) {
  const int right = static_cast<int>(light.from.x * -4.5f), down = static_cast<int>(light.from.y * -4.5f);
  for (int row = down; row < kSize; ++row) {
    for (int column = std::max(right, 0); column < std::min(kSize + right, kSize); ++column) {
      Rgb& pixel = canvas[row * kSize + column];
      pixel = pixel * (1.0f - 0.35f * coverage(object.distance(column - right, row - down) * 0.5f));
    }
  }
}

void paint_object(Canvas& canvas, const Relief& object, const Material& material, const Light& light) {
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) {
      const float share = coverage(object.distance(column, row));
      if (share <= 0.0f) continue;
      const Vec slope = object.slope(column, row);
      const float facing = (light.height - dot(slope, light.from)) / std::sqrt(1.0f + dot(slope, slope));
      const float brightness = light.ambient + (1.25f - light.ambient) * std::max(facing, 0.0f);
      Rgb& pixel = canvas[row * kSize + column];
      pixel = mix(pixel, material.at(pixel_centre(column, row)) * brightness, share);
    }
  }
}

/// A bar or a disc over the object's rim: it hides up to about a quarter of it.
void hide_partly(Canvas& canvas, Dice& dice, const Pose& pose, const Material& material) {
  const bool bar = dice.chance(0.5f);
  const float side = dice.chance(0.5f) ? 1.0f : -1.0f;
  const Vec outward = dice.direction(1.0f) * side;
  const Vec middle = pose.centre + outward * (pose.radius * dice.between(0.5f, 1.0f));
  const Vec half = Vec{-outward.y, outward.x} * (bar ? 2.0f * kSize : kDot);
  const float radius = bar ? dice.between(1.2f, 2.4f) : dice.between(2.5f, 5.0f);
  paint_stick(canvas, middle, half, radius, [&](Vec p) { return material.at(p); });
}

/// Uneven light over the whole picture, noise in every value, rounding to bytes.
void expose(const Canvas& canvas, Dice& dice, uint8_t* pixels) {
  const float strength = dice.between(-0.3f, 0.3f);
  const Vec fall = dice.direction(1.0f) * (strength / kSize);
  const float gain = dice.between(0.85f, 1.1f);
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) {
      const Vec p = pixel_centre(column - kSize / 2, row - kSize / 2);
      const Rgb lit = canvas[row * kSize + column] * (gain * (1.0f + dot(fall, p)));
      const uint32_t word = dice.word();  // three of its bytes are the noise, +-8 levels
      const auto byte = [](float value, uint32_t noise) {
        const float level = value * 255.0f + (static_cast<float>(noise & 255) - 127.5f) * (8.0f / 127.5f);
        return static_cast<uint8_t>(std::min(std::max(level, 0.0f), 255.0f) + 0.5f);
      };
      *pixels++ = byte(lit.r, word);
      *pixels++ = byte(lit.g, word >> 8);
      *pixels++ = byte(lit.b, word >> 16);
    }
  }
}

}  // namespace

int draw_shapes10(uint64_t seed, uint64_t index, uint8_t* pixels) {
  const int label = deal_label<kShapes10Classes>(seed, index);
  Dice dice(seed, index);

  // The object is clearly lighter than its background, so that its shape survives an attack.
  const float background = dice.between(0.2f, 0.45f);
  const float contrast = dice.between(0.28f, 0.45f);
  const Material ground(dice, background, 0.09f), skin(dice, background + contrast, 0.11f);
  const Light light(dice);
  const Pose pose(dice);
  const Relief object(kShapes[label], pose, dice.between(2.0f, 5.0f));

  Canvas canvas;
  for (int i = 0; i < kSize * kSize; ++i) canvas[i] = ground.at(pixel_centre(i % kSize, i / kSize));
  scatter_clutter(canvas, dice);
  paint_shadow(canvas, object, light);
  paint_object(canvas, object, skin, light);
  if (dice.chance(0.75f)) hide_partly(canvas, dice, pose, Material(dice, dice.between(0.2f, 0.75f), 0.1f));
  expose(canvas, dice, pixels);
  return label;
}

}  // namespace lapidary::data
