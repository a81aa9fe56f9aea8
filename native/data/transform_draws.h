// How the parameters of views are drawn, and what ranges and parameters make sense (data/transforms.h): the
// code that the host and a GPU share.
//
// Drawing must not be contracted into fused multiply-adds, so only native/data, which is compiled so, and
// CUDA's device code include this. Their draws are equal to the bit but where the device's exp, log or sqrt
// differs in its last one.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/host_device.h"
#include "core/philox.h"
#include "data/transforms.h"

namespace lapidary::data {
namespace {

/// a * b, which no compiler contracts with what is added to it.
LAPIDARY_HOST_DEVICE inline double rounded_product(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

// Random words, one after the other.
class Words {
 public:
  LAPIDARY_HOST_DEVICE Words(const ViewKey& key, int position)
      : seed_(key.seed),
        high_(uint64_t{key.epoch} << 32 | key.sample),
        // No other use of a seed sets the top bit.
        low_(uint64_t{1} << 63 | uint64_t{key.site & 0x7fff} << 48 | uint64_t{key.view & 0xffff} << 32 |
             static_cast<uint64_t>(position) << 20) {}

  LAPIDARY_HOST_DEVICE uint32_t word() {
    const uint64_t place = drawn_++ % 4;
    if (place == 0) block_ = Philox::block(seed_, high_, low_ + drawn_ / 4);
    // Not by index: a GPU's registers have none.
    return place == 0 ? block_[0] : place == 1 ? block_[1] : place == 2 ? block_[2] : block_[3];
  }
  /// In [low, high).
  LAPIDARY_HOST_DEVICE double uniform(double low, double high) {
    return low + rounded_product(high - low, static_cast<double>(Philox::uniform(word())));
  }
  LAPIDARY_HOST_DEVICE double uniform(const Ranges& ranges, size_t at) {
    return uniform(ranges[at], ranges[at + 1]);
  }
  /// 0 .. count - 1, uniform to 2^-32 count.
  LAPIDARY_HOST_DEVICE int64_t below(int64_t count) {
    return static_cast<int64_t>((uint64_t{word()} * static_cast<uint64_t>(count)) >> 32);
  }

 private:
  uint64_t seed_, high_, low_, drawn_ = 0;
  Philox::Block block_{};
};

// The sides of a rectangle of a random share of the area (at ranges 1) and ratio of first to second side
// (log-uniform, at ranges 3).
struct Rectangle {
  double first, second;
};
LAPIDARY_HOST_DEVICE inline Rectangle random_rectangle(Words& words, const Step& step, const Ranges& ranges) {
  const double area = static_cast<double>(step.in_h * step.in_w) * words.uniform(ranges, 1);
  const double ratio = std::exp(words.uniform(std::log(ranges[3]), std::log(ranges[4])));
  return {std::nearbyint(std::sqrt(area * ratio)), std::nearbyint(std::sqrt(area / ratio))};
}

LAPIDARY_HOST_DEVICE inline void draw_resized_crop(Words& words, const Step& step, const Ranges& ranges,
                                                   Parameters& out) {
  const auto full_h = static_cast<double>(step.in_h), full_w = static_cast<double>(step.in_w);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const auto [w, h] = random_rectangle(words, step, ranges);
    if (w < 1 || w > full_w || h < 1 || h > full_h) continue;
    out[1] = static_cast<double>(words.below(step.in_h - static_cast<int64_t>(h) + 1));
    out[2] = static_cast<double>(words.below(step.in_w - static_cast<int64_t>(w) + 1));
    out[3] = h, out[4] = w;
    return;
  }
  // The largest rectangle in the middle whose ratio is in range.
  const double ratio = full_w / full_h;
  double h = full_h, w = full_w;
  if (ratio < ranges[3]) h = std::nearbyint(w / ranges[3]);
  if (ratio > ranges[4]) w = std::nearbyint(h * ranges[4]);
  h = std::clamp(h, 1.0, full_h), w = std::clamp(w, 1.0, full_w);
  out[1] = std::floor((full_h - h) / 2), out[2] = std::floor((full_w - w) / 2);
  out[3] = h, out[4] = w;
}

LAPIDARY_HOST_DEVICE inline double centre_offset(int64_t in, int64_t out) {
  return in >= out ? std::nearbyint(static_cast<double>(in - out) / 2) : -static_cast<double>((out - in) / 2);
}

LAPIDARY_HOST_DEVICE inline void draw_color_jitter(Words& words, const Ranges& ranges, Parameters& out) {
  uint32_t order = 0x3210;  // four bits an adjustment, the first ones lowest
  for (int last = 3; last > 0; --last) {
    const auto other = static_cast<int>(words.below(last + 1));
    const uint32_t differing = (order >> 4 * last ^ order >> 4 * other) & 15;
    order ^= differing << 4 * last ^ differing << 4 * other;
  }
  out[1] = 1000 * (order & 15) + 100 * (order >> 4 & 15) + 10 * (order >> 8 & 15) + (order >> 12);
  for (size_t each = 0; each < 4; ++each) out[2 + each] = words.uniform(ranges, 1 + 2 * each);
}

LAPIDARY_HOST_DEVICE inline void draw_erase(Words& words, const Step& step, const Ranges& ranges,
                                            Parameters& out) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    const auto [h, w] = random_rectangle(words, step, ranges);
    if (h >= static_cast<double>(step.in_h) || w >= static_cast<double>(step.in_w)) continue;
    out[1] = static_cast<double>(words.below(step.in_h - static_cast<int64_t>(h) + 1));
    out[2] = static_cast<double>(words.below(step.in_w - static_cast<int64_t>(w) + 1));
    out[3] = h, out[4] = w, out[5] = ranges[5];
    return;
  }
  out[0] = 0;
}

LAPIDARY_HOST_DEVICE inline void draw_affine(Words& words, const Step& step, const Ranges& ranges,
                                             Parameters& out) {
  const double most_x = ranges[3] * static_cast<double>(step.in_w),
               most_y = ranges[4] * static_cast<double>(step.in_h);
  out[1] = words.uniform(ranges, 1);
  out[2] = std::nearbyint(words.uniform(-most_x, most_x));
  out[3] = std::nearbyint(words.uniform(-most_y, most_y));
  out[4] = words.uniform(ranges, 5);
  out[5] = words.uniform(ranges, 7);
  out[6] = words.uniform(ranges, 9);
}

LAPIDARY_HOST_DEVICE inline bool changes_size(TransformKind kind) {
  return kind == TransformKind::Resize || kind == TransformKind::ResizedCrop || kind == TransformKind::Crop;
}

LAPIDARY_HOST_DEVICE inline bool is_whole(double value, double low, double high) {
  return value >= low && value <= high && value == std::floor(value);
}

// A pair low <= high within [least, most].
LAPIDARY_HOST_DEVICE inline bool is_range(const Ranges& ranges, size_t at, double least, double most) {
  return ranges[at] >= least && ranges[at] <= ranges[at + 1] && ranges[at + 1] <= most;
}

// The smallest is 1e-6 as f32 rounds it.
constexpr double kMost = 1e6, kSmallest = 0.99e-6;

LAPIDARY_HOST_DEVICE inline RangeFault find_range_fault(const Step& step, const Ranges& ranges) {
  const auto expect = [](bool good) { return good ? RangeFault::None : RangeFault::Numbers; };
  if (!(ranges[0] >= 0 && ranges[0] <= 1)) return RangeFault::Probability;
  if (changes_size(step.kind) && ranges[0] != 1) return RangeFault::Certainty;
  switch (step.kind) {
    case TransformKind::ResizedCrop:
    case TransformKind::Erase:
      return expect(is_range(ranges, 1, kSmallest, 1) && is_range(ranges, 3, kSmallest, kMost) &&
                    (step.kind == TransformKind::ResizedCrop || std::abs(ranges[5]) <= kMost));
    case TransformKind::ColorJitter:
      return expect(is_range(ranges, 1, 0, kMost) && is_range(ranges, 3, 0, kMost) &&
                    is_range(ranges, 5, 0, kMost) && is_range(ranges, 7, -0.5, 0.5));
    case TransformKind::GaussianBlur:
      return expect(is_range(ranges, 1, kSmallest, kMost));
    case TransformKind::Solarize:
      return expect(std::abs(ranges[1]) <= kMost);
    case TransformKind::Cutout:
      return expect(is_whole(ranges[1], 1, static_cast<double>(kLargestSide)));
    case TransformKind::Affine:
      return expect(is_range(ranges, 1, -kMost, kMost) && ranges[3] >= 0 && ranges[3] <= 1 &&
                    ranges[4] >= 0 && ranges[4] <= 1 && is_range(ranges, 5, kSmallest, kMost) &&
                    is_range(ranges, 7, -kMost, kMost) && is_range(ranges, 9, -kMost, kMost));
    case TransformKind::Resize:
    case TransformKind::Crop:
    case TransformKind::Flip:
    case TransformKind::Grayscale:
      return RangeFault::None;
  }
  return RangeFault::None;
}

LAPIDARY_HOST_DEVICE inline Parameters drawn_parameters(const Step& step, int position, const Ranges& ranges,
                                                        const ViewKey& key) {
  Words words(key, position);
  Parameters out{};
  out[0] = words.uniform(0, 1) < ranges[0] ? 1 : 0;
  switch (step.kind) {
    case TransformKind::ResizedCrop:
      draw_resized_crop(words, step, ranges, out);
      break;
    case TransformKind::Crop:
      out[1] = step.d != 0
                   ? static_cast<double>(words.below(step.in_h + 2 * step.c - step.out_h + 1) - step.c)
                   : centre_offset(step.in_h, step.out_h);
      out[2] = step.d != 0
                   ? static_cast<double>(words.below(step.in_w + 2 * step.c - step.out_w + 1) - step.c)
                   : centre_offset(step.in_w, step.out_w);
      break;
    case TransformKind::ColorJitter:
      draw_color_jitter(words, ranges, out);
      break;
    case TransformKind::GaussianBlur:
      out[1] = out[2] = words.uniform(ranges, 1);
      break;
    case TransformKind::Solarize:
      out[1] = ranges[1];
      break;
    case TransformKind::Cutout: {
      const auto half = static_cast<double>(static_cast<int64_t>(ranges[1]) / 2);
      out[1] = static_cast<double>(words.below(step.in_h)) - half;
      out[2] = static_cast<double>(words.below(step.in_w)) - half;
      out[3] = out[4] = ranges[1];
      break;
    }
    case TransformKind::Erase:
      draw_erase(words, step, ranges, out);
      break;
    case TransformKind::Affine:
      draw_affine(words, step, ranges, out);
      break;
    case TransformKind::Resize:
    case TransformKind::Flip:
    case TransformKind::Grayscale:
      break;
  }
  return out;
}

LAPIDARY_HOST_DEVICE inline ParameterFault find_parameter_fault(const Step& step, const Parameters& p) {
  const auto expect = [](bool good) { return good ? ParameterFault::None : ParameterFault::Numbers; };
  if (!(p[0] == 1 || (p[0] == 0 && !changes_size(step.kind))))
    return changes_size(step.kind) ? ParameterFault::NotApplied : ParameterFault::Flag;
  if (p[0] == 0) return ParameterFault::None;
  const auto far = static_cast<double>(kLargestSide);
  switch (step.kind) {
    case TransformKind::ResizedCrop: {
      const auto h = static_cast<double>(step.in_h), w = static_cast<double>(step.in_w);
      return expect(is_whole(p[1], 0, h - 1) && is_whole(p[2], 0, w - 1) && is_whole(p[3], 1, h - p[1]) &&
                    is_whole(p[4], 1, w - p[2]));
    }
    case TransformKind::Crop:
      return expect(is_whole(p[1], -far, far) && is_whole(p[2], -far, far));
    case TransformKind::ColorJitter: {
      unsigned seen = 0;
      const bool whole = is_whole(p[1], 0, 9999);
      for (int rest = whole ? static_cast<int>(p[1]) : 0, digit = 0; digit < 4; ++digit, rest /= 10)
        seen |= 1u << (rest % 10);
      return expect(whole && seen == 15 && p[2] >= 0 && p[2] <= kMost && p[3] >= 0 && p[3] <= kMost &&
                    p[4] >= 0 && p[4] <= kMost && std::abs(p[5]) <= 0.5);
    }
    case TransformKind::GaussianBlur:
      return expect(p[1] >= kSmallest && p[1] <= kMost && p[2] >= kSmallest && p[2] <= kMost);
    case TransformKind::Solarize:
      return expect(std::abs(p[1]) <= kMost);
    case TransformKind::Cutout:
    case TransformKind::Erase:
      return expect(is_whole(p[1], -far, far) && is_whole(p[2], -far, far) && is_whole(p[3], 0, far) &&
                    is_whole(p[4], 0, far) && std::abs(p[5]) <= kMost);
    case TransformKind::Affine:
      return expect(std::abs(p[1]) <= kMost && std::abs(p[2]) <= kMost && std::abs(p[3]) <= kMost &&
                    p[4] >= kSmallest && p[4] <= kMost && std::abs(p[5]) <= kMost && std::abs(p[6]) <= kMost);
    case TransformKind::Resize:
    case TransformKind::Flip:
    case TransformKind::Grayscale:
      return ParameterFault::None;
  }
  return ParameterFault::None;
}

}  // namespace
}  // namespace lapidary::data
