// Trees: conifers in tiers, broad crowns of leaf clusters, bare branches in winter.
#include "data/scene_painting.h"

namespace lapidary::data {
namespace {

constexpr int kSize = Scene::kSize;

inline float centre(int place) { return static_cast<float>(place) + 0.5f; }

/// Where a tree stands and how tall it is, in pixels; its distance, for the haze.
struct Stand {
  Vec foot;
  float height, depth;
};

struct Box {
  int left, right, top, bottom;  // the last two columns and rows are past the end
  Box(Vec low, Vec high)
      : left(std::max(static_cast<int>(low.x) - 1, 0)),
        right(std::min(static_cast<int>(high.x) + 2, kSize)),
        top(std::max(static_cast<int>(low.y) - 1, 0)),
        bottom(std::min(static_cast<int>(high.y) + 2, kSize)) {}
};

/// A limb from `from` to `to`, thinner at its end. A limb narrower than a pixel is paler instead.
void paint_limb(Scene& scene, Vec from, Vec to, float radius, float end_radius, Rgb bark, float depth) {
  const Vec along = to - from;
  const float squared = std::max(dot(along, along), 1e-4f);
  const Vec margin{radius, radius};
  const Vec low{std::min(from.x, to.x), std::min(from.y, to.y)},
      high{std::max(from.x, to.x), std::max(from.y, to.y)};
  const Box box(low - margin, high + margin);
  const float across = 1.0f / std::max(radius, 0.5f);
  for (int row = box.top; row < box.bottom; ++row) {
    for (int column = box.left; column < box.right; ++column) {
      const Vec p = Vec{centre(column), centre(row)} - from;
      const float t = clamp01(dot(p, along) / squared);
      const float width = radius + (end_radius - radius) * t;
      const float share = std::min(coverage(length(p - along * t) - std::max(width, 0.5f)), 2.0f * width);
      if (share <= 0.0f) continue;
      const float facing = 0.45f + 0.45f * scene.side * (p.x - along.x * t) * across;
      scene.blend(column, row, scene.hazed(scene.lit(bark, facing), depth), clamp01(share));
    }
  }
}

/// A cluster of leaves: a ball with a frayed edge, lit from the light's side and from above.
void paint_leaves(Scene& scene, Vec middle, float radius, Rgb leaves, float depth, float place) {
  const Vec reach{radius * 1.3f, radius * 1.3f};
  const Box box(middle - reach, middle + reach);
  const float unit = 1.0f / std::max(radius, 1.0f);
  const float grain = std::max(0.32f, unit * 1.6f);
  for (int row = box.top; row < box.bottom; ++row) {
    for (int column = box.left; column < box.right; ++column) {
      const Vec p = Vec{centre(column), centre(row)} - middle;
      const float from_middle = length(p);
      if (from_middle > radius * 1.3f + 1.0f) continue;
      const float leaf =
          radius > 1.5f ? scene.noise.octaves(p.x * grain + place, p.y * grain + place, 2) : 0.0f;
      const float share = coverage(from_middle - radius * (1.0f + 0.5f * leaf));
      if (share <= 0.0f) continue;
      const float facing = 0.42f + 0.36f * unit * (scene.side * p.x - 0.9f * p.y) + 0.55f * leaf;
      scene.blend(column, row, scene.hazed(scene.lit(leaves, facing), depth), share);
    }
  }
}

void paint_shadow(Scene& scene, const Stand& tree, float width) {
  if (scene.hour == Hour::night) return;
  const Vec middle{tree.foot.x - scene.side * width * 0.8f, tree.foot.y + width * 0.05f};
  const Vec half{width * 1.25f, width * 0.22f + 0.4f};
  const Box box(middle - half, middle + half);
  for (int row = std::max(box.top, static_cast<int>(scene.horizon) + 1); row < box.bottom; ++row) {
    for (int column = box.left; column < box.right; ++column) {
      const Vec p = Vec{centre(column), centre(row)} - middle;
      const float inside = 1.0f - length({p.x / half.x, p.y / half.y});
      Rgb& pixel = scene.at(column, row);
      pixel = pixel * (1.0f - 0.42f * smooth_step(0.0f, 0.5f, inside));
    }
  }
}

void paint_conifer(Scene& scene, const Stand& tree, Rgb needles) {
  Dice& dice = scene.dice;
  const float half = tree.height * dice.between(0.17f, 0.26f), place = dice.between(0.0f, 200.0f);
  const float tiers = static_cast<float>(5 + dice.below(4));
  paint_shadow(scene, tree, half);
  const Vec top{tree.foot.x, tree.foot.y - tree.height};
  paint_limb(scene, tree.foot, {top.x, top.y + tree.height * 0.5f}, tree.height * 0.022f,
             tree.height * 0.012f, {0.32f, 0.24f, 0.18f}, tree.depth);
  const float skirt = tree.height * 0.9f;
  const bool snow = scene.season == Season::winter;
  const Box box({tree.foot.x - half * 1.2f, top.y}, {tree.foot.x + half * 1.2f, top.y + skirt});
  for (int row = box.top; row < box.bottom; ++row) {
    for (int column = box.left; column < box.right; ++column) {
      const float dx = centre(column) - tree.foot.x;
      // Boughs droop: a tier's edge lies lower, the further out it is.
      const float down = (centre(row) - top.y) / skirt - 0.06f * std::fabs(dx) / half;
      if (down > 1.06f) continue;
      const float tier = std::max(down, 0.0f) * tiers,
                  part = tier - static_cast<float>(static_cast<int>(tier));
      const float ragged = scene.noise.octaves(dx * 0.3f + place, centre(row) * 0.45f, 2);
      const float width =
          half * (down * 0.72f + 0.26f * part * (0.25f + down)) + 0.35f * half * ragged * down + 0.3f;
      const float share =
          std::min(coverage(std::fabs(dx) - width), coverage((down - 1.0f - 0.1f * ragged) * skirt)) *
          clamp01(down * skirt + 0.5f);
      if (share <= 0.0f) continue;
      const float facing = 0.34f + 0.34f * scene.side * dx / half - 0.3f * (part - 0.5f) + 0.6f * ragged;
      const float white = snow ? smooth_step(0.0f, 0.28f, 0.34f - part + ragged) : 0.0f;
      const Rgb surface = mix(needles, {0.93f, 0.95f, 1.0f}, white * 0.9f);
      scene.blend(column, row, scene.hazed(scene.lit(surface, facing), tree.depth), share);
    }
  }
}

/// Limbs that fork until they are twigs.
void paint_branches(Scene& scene, Vec from, Vec direction, float span, float radius, int forks, float depth) {
  const Vec to = from + direction * span;
  paint_limb(scene, from, to, radius, radius * 0.72f, {0.3f, 0.25f, 0.22f}, depth);
  if (forks == 0 || span < 1.2f) return;
  for (const float sign : {-1.0f, 1.0f}) {
    const float turn = sign * scene.dice.between(0.15f, 0.75f), scale = 1.0f / std::sqrt(1.0f + turn * turn);
    const Vec turned{(direction.x - direction.y * turn) * scale, (direction.y + direction.x * turn) * scale};
    const float shorter = scene.dice.between(0.62f, 0.86f);
    paint_branches(scene, to, turned, span * shorter, radius * 0.68f, forks - 1, depth);
  }
}

void paint_bare_tree(Scene& scene, const Stand& tree) {
  paint_shadow(scene, tree, tree.height * 0.16f);
  const float lean = scene.dice.between(-0.08f, 0.08f);
  const int forks = tree.height > 40.0f ? 6 : tree.height > 15.0f ? 5 : 3;
  paint_branches(scene, tree.foot, {lean, -1.0f}, tree.height * 0.27f, tree.height * 0.026f, forks,
                 tree.depth);
}

void paint_broad_tree(Scene& scene, const Stand& tree, Rgb leaves) {
  Dice& dice = scene.dice;
  const float spread = tree.height * dice.between(0.24f, 0.36f);
  const Vec crown{tree.foot.x + tree.height * dice.between(-0.04f, 0.04f), tree.foot.y - tree.height * 0.63f};
  paint_shadow(scene, tree, spread);
  const Rgb bark{0.33f, 0.26f, 0.2f};
  paint_limb(scene, tree.foot, crown, tree.height * 0.034f, tree.height * 0.018f, bark, tree.depth);
  for (const float sign : {-1.0f, 1.0f}) {
    const Vec fork = tree.foot + (crown - tree.foot) * dice.between(0.45f, 0.7f);
    const Vec tip{crown.x + sign * spread * 0.6f, crown.y - tree.height * 0.02f};
    paint_limb(scene, fork, tip, tree.height * 0.016f, tree.height * 0.008f, bark, tree.depth);
  }
  const int clusters = tree.height > 30.0f ? 22 : tree.height > 10.0f ? 12 : 5;
  for (int i = 0; i < clusters; ++i) {
    // Dark ones behind and below come first.
    const float order = static_cast<float>(i) / static_cast<float>(clusters);
    const Vec direction = dice.direction(1.0f) * (dice.chance(0.5f) ? 1.0f : -1.0f);
    const float out = dice.between(0.15f, 0.85f) * (1.0f - 0.35f * order);
    const Vec middle{crown.x + direction.x * spread * out,
                     crown.y + (direction.y * out + 0.18f - 0.36f * order) * tree.height * 0.32f};
    const float radius = spread * dice.between(0.34f, 0.52f) * (1.0f - 0.25f * order);
    const float shade = (0.66f + 0.42f * order) * dice.between(0.9f, 1.1f),
                place = dice.between(0.0f, 200.0f);
    paint_leaves(scene, middle, radius, leaves * shade, tree.depth, place);
  }
}

void paint_tree(Scene& scene, const Stand& tree, bool conifer) {
  Dice& dice = scene.dice;
  const float tone = dice.between(0.8f, 1.15f), warm = dice.between(0.0f, 1.0f);
  if (conifer)
    return paint_conifer(scene, tree, mix({0.13f, 0.27f, 0.17f}, {0.2f, 0.32f, 0.15f}, warm) * tone);
  if (scene.season == Season::winter) return paint_bare_tree(scene, tree);
  const Rgb green = mix({0.2f, 0.38f, 0.14f}, {0.36f, 0.46f, 0.16f}, warm);
  const Rgb autumn = mix({0.78f, 0.5f, 0.13f}, {0.66f, 0.22f, 0.1f}, warm);
  paint_broad_tree(scene, tree,
                   (scene.season == Season::autumn && dice.chance(0.8f) ? autumn : green) * tone);
}

/// How far a road keeps trees away, in eye heights.
float clearing(const Scene& scene) { return scene.ground == Ground::road ? 1.9f : 0.0f; }

}  // namespace

void paint_far_trees(Scene& scene) {
  Dice& dice = scene.dice;
  const float conifers = dice.between(0.0f, 1.0f);
  const int groups = 1 + dice.below(4);
  for (int group = 0; group < groups; ++group) {
    const float middle = dice.between(0.0f, kSize), width = dice.between(10.0f, 70.0f);
    const float tall = dice.between(7.0f, 22.0f);
    for (int left = 4 + dice.below(18); left > 0; --left) {
      const float x = middle + width * dice.between(-1.0f, 1.0f);
      const float height = tall * dice.between(0.6f, 1.2f);
      const Vec foot{x, scene.horizon + dice.between(1.0f, 2.6f)};
      paint_tree(scene, {foot, height, 9.0f}, dice.chance(conifers));
    }
  }
}

void paint_near_trees(Scene& scene) {
  Dice& dice = scene.dice;
  if (scene.ground == Ground::lake) {  // a bank that frames the view
    const int trees = dice.below(3);
    const float side = dice.chance(0.5f) ? 1.0f : -1.0f;
    for (int i = 0; i < trees; ++i) {
      const float x = kSize * 0.5f + side * dice.between(84.0f, 132.0f);
      const Vec foot{x, kSize + dice.between(2.0f, 14.0f)};
      const float height = dice.between(120.0f, 215.0f);
      paint_tree(scene, {foot, height, 1.2f}, dice.chance(0.5f));
    }
    return;
  }
  const int count = scene.ground == Ground::meadow ? 14 + dice.below(16) : 4 + dice.below(10);
  std::array<float, 32> depths;
  // Even over the rows of the picture rather than over the ground, of which most is far.
  for (int i = 0; i < count; ++i)
    depths[i] = Scene::kFocus / dice.between(3.0f, scene.ground == Ground::meadow ? 105.0f : 70.0f);
  std::sort(depths.begin(), depths.begin() + count, [](float a, float b) { return a > b; });
  const float conifers = dice.between(0.0f, 1.0f);
  for (int i = 0; i < count; ++i) {
    const float depth = depths[i], scale = Scene::kFocus / depth;
    const float free = clearing(scene), reach = std::max(kSize * 0.56f / scale, free + 1.0f);
    const float x = (dice.chance(0.5f) ? 1.0f : -1.0f) * dice.between(free, reach);
    const float height = scale * dice.between(1.3f, 2.5f);
    paint_tree(scene, {{scene.column_at(x, depth), scene.row_at(depth)}, height, depth},
               dice.chance(conifers));
  }
}

}  // namespace lapidary::data
