// Chains of picture transforms: what a step does, which sizes it makes, and the parameters that it draws. The
// formulas and ranges are in docs/augmentation.md; native/cpu/kernels/augment_views.cpp and
// cuda/kernels/transforms/ apply them.
//
// A step has *options* (ints, equal for all samples: they fix sizes), *ranges* (what its parameters are drawn
// from) and *parameters* (what is done to one sample). Drawing is compiled once, without contraction into
// fused multiply-adds, so a view has the same parameters on every instruction set.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lapidary::data {

enum class TransformKind : int {
  Resize,
  ResizedCrop,
  Crop,
  Flip,
  ColorJitter,
  Grayscale,
  GaussianBlur,
  Solarize,
  Cutout,
  Erase,
  Affine
};
/// As configurations call them.
const char* const* enum_names(TransformKind);

enum class Interpolation : int { Nearest, Bilinear, Bicubic };

inline constexpr int kStepInts = 5;        ///< kind, four options
inline constexpr int kStepRanges = 12;     ///< probability, eleven numbers
inline constexpr int kStepParameters = 8;  ///< applied (0 or 1), seven numbers
inline constexpr int kMostSteps = 64;
inline constexpr int64_t kLargestSide = 32768;

/// One step at its place in a chain. Options, by kind:
///   resize, resized-crop  a, b: height and width that come out; c: Interpolation; d: antialias
///   crop                  a, b: height and width that come out; c: zeros around; d: 1 random, 0 centre
///   color-jitter          a: bits of brightness 1, contrast 2, saturation 4, hue 8
///   gaussian-blur         a, b: height and width of the kernel, odd
///   affine                a: Interpolation (nearest or bilinear)
struct Step {
  TransformKind kind;
  int64_t a, b, c, d;
  int64_t in_h, in_w, out_h, out_w;
};

/// The steps of a chain (kStepInts numbers each) on pictures of h x w x c. Throws ERR_ARGUMENT or ERR_SHAPE.
std::vector<Step> place_steps(std::span<const int64_t> program, int64_t h, int64_t w, int64_t c);

using Ranges = std::array<double, kStepRanges>;
using Parameters = std::array<double, kStepParameters>;

/// Ranges, after the probability at [0], by kind (low and high side by side):
///   resized-crop  1: share of the area, 3: ratio of width to height
///   color-jitter  1: brightness, 3: contrast, 5: saturation, 7: hue
///   gaussian-blur 1: sigma              solarize  1: threshold              cutout  1: side
///   erase         1: share of the area, 3: ratio of height to width, 5: value (alone)
///   affine        1: degrees, 3: horizontal and 4: vertical share of translation, 5: scale, 7: shear x,
///                 9: shear y
/// Empty when they make sense, else what is wrong.
std::string range_error(const Step& step, const Ranges& ranges);

/// The same without words, as a GPU says it.
enum class RangeFault : int { None, Probability, Certainty, Numbers };
std::string describe(TransformKind kind, RangeFault fault);

/// What a view is a function of.
struct ViewKey {
  uint64_t seed;
  uint32_t site, epoch, sample, view;
};

/// Draws the parameters of step number `position`: words 0, 1, ... of the sequence of blocks (key = seed,
/// high = epoch << 32 | sample, low = 1 << 63 | site << 48 | view << 32 | position << 20 | 0, 1, ...). Word 0
/// decides whether the step is applied. Parameters, after `applied` at [0], by kind:
///   resized-crop  1: top, left, height, width        crop  1: top, left
///   color-jitter  1: order (four digits: 0 brightness, 1 contrast, 2 saturation, 3 hue), then the factors of
///                 brightness, contrast, saturation, and the shift of hue
///   gaussian-blur 1: sigma down, sigma across        solarize  1: threshold
///   cutout, erase 1: top, left, height, width, value
///   affine        1: degrees, translation right, translation down, scale, shear x, shear y (degrees)
Parameters draw_parameters(const Step& step, int position, const Ranges& ranges, const ViewKey& key);

/// Empty when the parameters can be applied, else what is wrong.
std::string parameter_error(const Step& step, const Parameters& parameters);

/// The same without words.
enum class ParameterFault : int { None, NotApplied, Flag, Numbers };
std::string describe(TransformKind kind, ParameterFault fault);

}  // namespace lapidary::data
