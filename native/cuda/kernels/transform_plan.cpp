#include "cuda/kernels/transform_plan.h"

#include <algorithm>

#include "data/transform_weights.h"
#include "kernels/transforms/pixel_transforms.h"

namespace lapidary::cuda {

using Kind = data::TransformKind;
using data::Step;
using Stage = TransformStage;

namespace {

Stage::Kind stage_of(Kind kind) {
  switch (kind) {
    case Kind::Resize:
    case Kind::ResizedCrop:
      return Stage::Kind::Resampling;
    case Kind::GaussianBlur:
      return Stage::Kind::Blur;
    case Kind::Affine:
      return Stage::Kind::Affine;
    default:
      return Stage::Kind::Pixels;
  }
}

}  // namespace

TransformPlan::TransformPlan(const TransformImagesProblem& p) : steps(p.placed()) {
  for (size_t step = 0; step < steps.size(); ++step) {
    const Stage::Kind kind = stage_of(steps[step].kind);
    if (kind == Stage::Kind::Pixels && !stages.empty() && stages.back().kind == kind)
      ++stages.back().last;
    else
      stages.push_back({kind, step, step + 1});
  }

  // Of one sample, in values of 4 bytes.
  int64_t picture = 0, own_windows = 0, own_weights = 0, own_lines = 0;
  for (const Stage& stage : stages) {
    const Step& last = steps[stage.last - 1];
    if (stage.last != steps.size()) picture = std::max(picture, last.out_h * last.out_w * p.c);
    int64_t taps = 0, line = 0;
    if (stage.kind == Stage::Kind::Resampling) {
      const ResamplingPlan plan = resampling(last);
      own_windows = std::max(own_windows, plan.windows());
      own_weights = std::max(own_weights, plan.weights());
      taps = plan.taps_h, line = last.in_w * p.c;
    } else if (stage.kind == Stage::Kind::Blur) {
      own_weights = std::max(own_weights, last.a + last.b);
      taps = last.a + last.b, line = last.in_w * p.c;
    }
    if (!fits_shared(line, taps)) own_lines = std::max(own_lines, line * last.out_h);
  }
  const int64_t between = std::min<int64_t>(static_cast<int64_t>(stages.size()) - 1, 2);
  const int64_t of_sample = 4 * (between * picture + own_lines + (p.shared ? 0 : own_windows + own_weights));
  slice = std::clamp<int64_t>(kBytesOfSlice / std::max<int64_t>(of_sample, 1), 1, p.n);
  rows = p.shared ? 1 : slice;

  const auto reserve = [this](int64_t values) {
    const size_t place = bytes;
    bytes += (static_cast<size_t>(values) * 4 + 255) / 256 * 256;
    return place;
  };
  parameters = reserve((p.shared ? 1 : p.n) * p.steps() * data::kStepParameters);
  indices = reserve(p.indexed ? p.n : 0);
  bool any_mean = false;
  for (size_t step = 0; step < steps.size(); ++step) any_mean = any_mean || needs_mean(step);
  means = reserve(any_mean ? slice * data::kMostSteps : 0);
  windows = reserve(rows * own_windows);
  weights = reserve(rows * own_weights);
  lines = reserve(slice * own_lines);
  for (int64_t which = 0; which < between; ++which) pictures[which] = reserve(slice * picture);

  traffic = 64.0 * static_cast<double>((p.shared ? 1 : p.n) * p.steps()) +
            (p.indexed ? 8.0 * static_cast<double>(p.n) : 0.0);
  for (const Stage& stage : stages) traffic += traffic_of(stage, p);
}

ResamplingPlan TransformPlan::resampling(const Step& step) const {
  const auto kind = static_cast<data::Interpolation>(step.c);
  const auto whole = [](int64_t value) { return static_cast<int32_t>(value); };
  ResamplingPlan plan{whole(step.in_h),
                      whole(step.in_w),
                      whole(step.out_h),
                      whole(step.out_w),
                      whole(data::resampling_taps(step.in_h, step.out_h, kind, step.d != 0)),
                      whole(data::resampling_taps(step.in_w, step.out_w, kind, step.d != 0)),
                      whole(step.c),
                      step.d != 0,
                      step.kind == Kind::ResizedCrop,
                      0,
                      0};
  if (rows > 1) plan.windows_stride = plan.windows(), plan.weights_stride = plan.weights();
  return plan;
}

// As the opening blocks of the .cu files say.
double TransformPlan::traffic_of(const Stage& stage, const TransformImagesProblem& p) const {
  const Step &first = steps[stage.first], &last = steps[stage.last - 1];
  const auto real = [](int64_t value) { return static_cast<double>(value); };
  const double n = real(p.n), value_bytes = stage.first == 0 && p.bytes ? 1 : 4, c = real(p.c);
  const double in_line = real(first.in_w) * c, out_line = real(last.out_w) * c;
  const double lines_out = n * real(last.out_h), values = lines_out * out_line;
  // With parameters for all samples, weights are made once a slice.
  const double weight_rows = p.shared ? real(ceil_div(p.n, slice)) : n;
  switch (stage.kind) {
    case Stage::Kind::Resampling: {
      const ResamplingPlan plan = resampling(last);
      const double a = plan.taps_h, b = plan.taps_w;
      double a_line = a * (in_line * value_bytes + 4) + out_line * (4 * b + 8) + 4 * out_line + 32;
      if (!fits_shared(last.in_w * p.c, plan.taps_h)) a_line += 4 * in_line * (1 + a) + 4 * out_line * b;
      // A thread that makes weights reads the box, and writes.
      return lines_out * a_line +
             weight_rows * (4 * real(plan.weights()) + 24 * real(last.out_h + last.out_w));
    }
    case Stage::Kind::Blur: {
      const double a = real(last.a), b = real(last.b);
      double a_line = a * in_line * value_bytes + 4 * out_line + 4 * (a + b) + 16;
      if (!fits_shared(last.in_w * p.c, last.a + last.b)) a_line += 4 * in_line * (1 + a) + 8 * out_line * b;
      return lines_out * a_line + weight_rows * (4 * (a + b) + 1024);
    }
    case Stage::Kind::Affine:
      return values * (4 * value_bytes + 4) + 40 * n * real(ceil_div(last.out_h * last.out_w, 256));
    case Stage::Kind::Pixels:
      break;
  }
  const int64_t outputs = last.out_h * last.out_w * (p.c == 3 ? 1 : p.c);
  const double of_block = 36 * real(static_cast<int64_t>(stage.last - stage.first)) + 8;
  double total = values * (value_bytes + 4) + n * real(ceil_div(outputs, kPixelsOfBlock)) * of_block;
  for (size_t step = stage.first; step < stage.last; ++step) {
    if (needs_mean(step))
      total += n * (real(steps[step].in_h * steps[step].in_w) * c * value_bytes + of_block);
  }
  return total;
}

}  // namespace lapidary::cuda
