// Draws of picture transforms as torchvision's: RandomResizedCrop, RandomCrop, RandomHorizontalFlip,
// ColorJitter, RandomGrayscale, GaussianBlur, RandomSolarize, RandomErasing and RandomAffine (get_params),
// and the cutout of DeVries and Taylor, arXiv 1708.04552.

#include "data/transforms.h"

#include "core/error.h"
#include "data/transform_draws.h"

namespace lapidary::data {

const char* const* enum_names(TransformKind) {
  static const char* const names[] = {"resize",       "resized-crop", "crop",          "flip",
                                      "color-jitter", "grayscale",    "gaussian-blur", "solarize",
                                      "cutout",       "erase",        "affine",        nullptr};
  return names;
}

namespace {

const char* name_of(TransformKind kind) { return enum_names(kind)[static_cast<int>(kind)]; }

[[noreturn]] void refuse(TransformKind kind, ErrorCode code, const std::string& what) {
  fail(code, "transform %s: %s", name_of(kind), what.c_str());
}

void check_size(const Step& step) {
  if (step.out_h < 1 || step.out_w < 1 || step.out_h > kLargestSide || step.out_w > kLargestSide) {
    refuse(step.kind, ErrorCode::Argument,
           format("expected a size of 1 to %lld pixels a side, got %lld x %lld",
                  static_cast<long long>(kLargestSide), static_cast<long long>(step.out_h),
                  static_cast<long long>(step.out_w)));
  }
}

void check_interpolation(const Step& step, int64_t value, Interpolation first, Interpolation last) {
  if (value < static_cast<int>(first) || value > static_cast<int>(last))
    refuse(step.kind, ErrorCode::Argument, "it has no such interpolation");
}

void check_colors(const Step& step, int64_t channels) {
  if (channels != 1 && channels != 3) {
    refuse(step.kind, ErrorCode::Shape,
           format("expected pictures of 1 or 3 channels, got %lld", static_cast<long long>(channels)));
  }
}

// Sets the size that comes out, and checks options against the size that comes in.
void place(Step& step, int64_t channels) {
  step.out_h = step.in_h, step.out_w = step.in_w;
  switch (step.kind) {
    case TransformKind::Resize:
    case TransformKind::ResizedCrop:
      step.out_h = step.a, step.out_w = step.b;
      check_size(step);
      check_interpolation(step, step.c, Interpolation::Bilinear, Interpolation::Bicubic);
      break;
    case TransformKind::Crop: {
      step.out_h = step.a, step.out_w = step.b;
      check_size(step);
      if (step.c < 0 || step.c > kLargestSide)
        refuse(step.kind, ErrorCode::Argument, "expected padding of 0 to 32768 pixels");
      if (step.d != 0 && (step.out_h > step.in_h + 2 * step.c || step.out_w > step.in_w + 2 * step.c)) {
        refuse(step.kind, ErrorCode::Shape,
               format("%lld x %lld pixels do not fit into a picture of %lld x %lld with %lld around",
                      static_cast<long long>(step.out_h), static_cast<long long>(step.out_w),
                      static_cast<long long>(step.in_h), static_cast<long long>(step.in_w),
                      static_cast<long long>(step.c)));
      }
      break;
    }
    case TransformKind::ColorJitter:
      check_colors(step, channels);
      if (step.a < 0 || step.a > 15)
        refuse(step.kind, ErrorCode::Argument, "expected the bits of four adjustments");
      break;
    case TransformKind::Grayscale:
      check_colors(step, channels);
      break;
    case TransformKind::GaussianBlur:
      if (step.a < 1 || step.b < 1 || step.a % 2 == 0 || step.b % 2 == 0)
        refuse(step.kind, ErrorCode::Argument, "expected a kernel of odd height and width");
      if (step.a / 2 >= step.in_h || step.b / 2 >= step.in_w) {
        refuse(
            step.kind, ErrorCode::Shape,
            format(
                "half of a kernel of %lld x %lld reaches beyond the reflection of a picture of %lld x %lld",
                static_cast<long long>(step.a), static_cast<long long>(step.b),
                static_cast<long long>(step.in_h), static_cast<long long>(step.in_w)));
      }
      break;
    case TransformKind::Affine:
      check_interpolation(step, step.a, Interpolation::Nearest, Interpolation::Bilinear);
      break;
    case TransformKind::Flip:
    case TransformKind::Solarize:
    case TransformKind::Cutout:
    case TransformKind::Erase:
      break;
  }
}

const char* numbers_of_ranges(TransformKind kind) {
  switch (kind) {
    case TransformKind::ResizedCrop:
    case TransformKind::Erase:
      return "shares of the area in (0, 1], positive ratios and a finite value";
    case TransformKind::ColorJitter:
      return "factors of at least 0 and hue in [-0.5, 0.5]";
    case TransformKind::GaussianBlur:
      return "positive sigmas";
    case TransformKind::Solarize:
      return "a finite threshold";
    case TransformKind::Cutout:
      return "a side of whole pixels";
    case TransformKind::Affine:
      return "finite degrees, translations in [0, 1] and positive scales";
    case TransformKind::Resize:
    case TransformKind::Crop:
    case TransformKind::Flip:
    case TransformKind::Grayscale:
      break;
  }
  return "";
}

const char* numbers_of_parameters(TransformKind kind) {
  switch (kind) {
    case TransformKind::ResizedCrop:
      return "a box inside of the picture";
    case TransformKind::Crop:
      return "whole offsets";
    case TransformKind::ColorJitter:
      return "an order of 0, 1, 2 and 3, factors of at least 0 and hue in [-0.5, 0.5]";
    case TransformKind::GaussianBlur:
      return "positive sigmas";
    case TransformKind::Solarize:
      return "a finite threshold";
    case TransformKind::Cutout:
    case TransformKind::Erase:
      return "a rectangle of whole pixels and a finite value";
    case TransformKind::Affine:
      return "finite degrees and translations, and a positive scale";
    case TransformKind::Resize:
    case TransformKind::Flip:
    case TransformKind::Grayscale:
      break;
  }
  return "";
}

std::string expected(TransformKind kind, const char* what) {
  return format("transform %s: expected %s", name_of(kind), what);
}

}  // namespace

std::vector<Step> place_steps(std::span<const int64_t> program, int64_t h, int64_t w, int64_t c) {
  const size_t count = program.size() / kStepInts;
  if (program.size() % kStepInts != 0 || count < 1 || count > kMostSteps) {
    fail(ErrorCode::Argument, "expected 1 to %d transforms of %d numbers each, got %zu numbers", kMostSteps,
         kStepInts, program.size());
  }
  if (h > kLargestSide || w > kLargestSide) {
    fail(ErrorCode::Shape, "expected pictures of at most %lld pixels a side, got %lld x %lld",
         static_cast<long long>(kLargestSide), static_cast<long long>(h), static_cast<long long>(w));
  }
  std::vector<Step> steps;
  for (size_t each = 0; each < count; ++each) {
    const auto numbers = program.subspan(each * kStepInts, kStepInts);
    if (numbers[0] < 0 || numbers[0] > static_cast<int>(TransformKind::Affine))
      fail(ErrorCode::Argument, "expected the kind of a transform, got %lld",
           static_cast<long long>(numbers[0]));
    Step step{
        static_cast<TransformKind>(numbers[0]), numbers[1], numbers[2], numbers[3], numbers[4], h, w, h, w};
    place(step, c);
    h = step.out_h, w = step.out_w;
    steps.push_back(step);
  }
  return steps;
}

std::string describe(TransformKind kind, RangeFault fault) {
  switch (fault) {
    case RangeFault::Probability:
      return expected(kind, "a probability in [0, 1]");
    case RangeFault::Certainty:
      return expected(kind, "probability 1, because it changes sizes");
    case RangeFault::Numbers:
      return expected(kind, numbers_of_ranges(kind));
    case RangeFault::None:
      break;
  }
  return {};
}

std::string describe(TransformKind kind, ParameterFault fault) {
  switch (fault) {
    case ParameterFault::NotApplied:
      return expected(kind, "a transform that changes sizes to be applied");
    case ParameterFault::Flag:
      return expected(kind, "applied or not to be 1 or 0");
    case ParameterFault::Numbers:
      return expected(kind, numbers_of_parameters(kind));
    case ParameterFault::None:
      break;
  }
  return {};
}

std::string range_error(const Step& step, const Ranges& ranges) {
  return describe(step.kind, find_range_fault(step, ranges));
}

std::string parameter_error(const Step& step, const Parameters& parameters) {
  return describe(step.kind, find_parameter_fault(step, parameters));
}

Parameters draw_parameters(const Step& step, int position, const Ranges& ranges, const ViewKey& key) {
  return drawn_parameters(step, position, ranges, key);
}

}  // namespace lapidary::data
