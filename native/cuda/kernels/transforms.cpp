// Host side of the picture transforms: see cuda/kernels/draw_transforms.cu and transform_images.cu.
#include "ops/transforms.h"

#include <algorithm>

#include "cuda/kernels/transform_plan.h"
#include "kernels/transforms/affine_transform.h"
#include "kernels/transforms/check_transforms.h"
#include "kernels/transforms/draw_transforms.h"
#include "kernels/transforms/pixel_transforms.h"

namespace lapidary::cuda {
namespace {

using data::Step;

void draw_samples(const DrawTransformsProblem& p, const DrawTransforms<float>& a, LaunchContext& context) {
  const std::vector<Step> steps = data::place_steps(p.program, p.h, p.w, 1);
  // As on the CPU, ranges are complained about first.
  FaultWord* range_fault = context.fault_word([steps](uint32_t position, int32_t fault) {
    return Error(
        ErrorCode::Argument,
        "draw_transforms: " + data::describe(steps[position].kind, static_cast<data::RangeFault>(fault)));
  });
  FaultWord* index_fault = context.fault_word([](uint32_t position, int32_t value) {
    return Error(
        ErrorCode::Index,
        format("draw_transforms: expected indices of at least 0, got %d at position %u", value, position));
  });
  DrawTransformsParameters parameters{a.index,
                                      a.ranges,
                                      a.parameters,
                                      context.step,
                                      index_fault,
                                      range_fault,
                                      p.n,
                                      static_cast<uint64_t>(p.seed),
                                      static_cast<uint32_t>(p.site),
                                      static_cast<uint32_t>(p.view),
                                      static_cast<int32_t>(steps.size()),
                                      {}};
  for (size_t step = 0; step < steps.size(); ++step) parameters.step_at[step] = TransformStep(steps[step]);
  context.launch({"draw_transforms", "draw_transforms"}, {ceil_div(p.n, 128), p.steps()}, {128}, parameters);
}

// As the opening block of draw_transforms.cu says.
double draw_bytes(const DrawTransformsProblem& p) {
  return static_cast<double>(p.steps()) *
         (36.0 * static_cast<double>(p.n) + 56.0 * static_cast<double>(ceil_div(p.n, 128)));
}

// Takes the samples of one slice through the chain.
class SliceOfSamples {
 public:
  SliceOfSamples(const TransformImagesProblem& p, const TransformPlan& plan, int64_t first,
                 LaunchContext& context)
      : p_(p),
        plan_(plan),
        first_(first),
        count_(std::min(plan.slice, p.n - first)),
        rows_(p.shared ? 1 : count_),
        context_(context) {}

  void run(const TransformImages<float>& a) {
    const Step& last = plan_.steps.back();
    float* y = a.y + first_ * last.out_h * last.out_w * p_.c;
    Pictures x = given(a);
    for (size_t which = 0; which < plan_.stages.size(); ++which) {
      const TransformStage& stage = plan_.stages[which];
      const Step& end = plan_.steps[stage.last - 1];
      float* out = which + 1 == plan_.stages.size() ? y : at<float>(plan_.pictures[which % 2]);
      switch (stage.kind) {
        case TransformStage::Kind::Resampling:
          resample(stage, x, out);
          break;
        case TransformStage::Kind::Blur:
          blur(stage, x, out);
          break;
        case TransformStage::Kind::Affine:
          move(stage, x, out);
          break;
        case TransformStage::Kind::Pixels:
          change_pixels(stage, x, out);
          break;
      }
      x = {nullptr, out, nullptr, static_cast<int32_t>(end.out_h), static_cast<int32_t>(end.out_w), x.c};
    }
  }

 private:
  template <class T>
  T* at(size_t place) const {
    return reinterpret_cast<T*>(static_cast<char*>(context_.workspace) + place);
  }

  Pictures given(const TransformImages<float>& a) const {
    const int64_t skipped = p_.indexed ? 0 : first_ * p_.h * p_.w * p_.c;
    return {p_.bytes ? a.bytes + skipped : nullptr,
            p_.bytes ? nullptr : a.floats + skipped,
            p_.indexed ? at<const int32_t>(plan_.indices) + first_ : nullptr,
            static_cast<int32_t>(p_.h),
            static_cast<int32_t>(p_.w),
            static_cast<int32_t>(p_.c)};
  }

  StepParameters parameters_of(size_t step) const {
    const int64_t stride = p_.shared ? 0 : p_.steps() * data::kStepParameters;
    return {at<const float>(plan_.parameters) + first_ * stride +
                static_cast<int64_t>(step) * data::kStepParameters,
            stride};
  }

  struct Lines {
    float* place;
    size_t shared_bytes;
  };
  Lines lines_of(int64_t width, int64_t taps) const {
    if (TransformPlan::fits_shared(width, taps))
      return {nullptr, static_cast<size_t>(width + taps) * sizeof(float)};
    return {at<float>(plan_.lines), 0};
  }

  void resample(const TransformStage& stage, const Pictures& x, float* y) {
    const Step& step = plan_.steps[stage.first];
    const ResamplingPlan plan = plan_.resampling(step);
    const StepParameters box = parameters_of(stage.first);
    auto* windows = at<int32_t>(plan_.windows);
    auto* weights = at<float>(plan_.weights);
    context_.launch({"separable_filters", "resampling_weights"},
                    {ceil_div(rows_ * (step.out_h + step.out_w), 128)}, {128},
                    ResamplingWeightsParameters{plan, box, windows, weights, rows_});
    const Lines lines = lines_of(step.in_w * p_.c, plan.taps_h);
    context_.launch({"separable_filters", "resample"}, {count_ * step.out_h}, {256},
                    ResampleParameters{plan, x, y, box, windows, weights, lines.place}, lines.shared_bytes);
  }

  void blur(const TransformStage& stage, const Pictures& x, float* y) {
    const Step& step = plan_.steps[stage.first];
    const auto down = static_cast<int32_t>(step.a), across = static_cast<int32_t>(step.b);
    const StepParameters own = parameters_of(stage.first);
    auto* weights = at<float>(plan_.weights);
    context_.launch({"separable_filters", "gaussian_weights"}, {ceil_div(2 * rows_, 4)}, {128},
                    GaussianWeightsParameters{own, weights, rows_, down, across});
    const Lines lines = lines_of(step.in_w * p_.c, step.a + step.b);
    context_.launch(
        {"separable_filters", "blur"}, {count_ * step.in_h}, {256},
        BlurParameters{x, y, own, weights, p_.shared ? 0 : step.a + step.b, down, across, lines.place},
        lines.shared_bytes);
  }

  void move(const TransformStage& stage, const Pictures& x, float* y) {
    const Step& step = plan_.steps[stage.first];
    const int64_t tiles = ceil_div(step.in_h * step.in_w, 256);
    context_.launch(
        {"affine_transform", "affine"}, {count_ * tiles}, {256},
        AffineParameters{x, y, parameters_of(stage.first), static_cast<int32_t>(tiles),
                         static_cast<data::Interpolation>(step.a) == data::Interpolation::Nearest});
  }

  void change_pixels(const TransformStage& stage, const Pictures& x, float* y) {
    const bool rgb = p_.c == 3;
    const Step& end = plan_.steps[stage.last - 1];
    const int64_t tiles = ceil_div(end.out_h * end.out_w * (rgb ? 1 : p_.c), kPixelsOfBlock);
    PixelTransformsParameters parameters{x, nullptr, parameters_of(stage.first),  at<float>(plan_.means),
                                         0, 0,       static_cast<int32_t>(tiles), 0,
                                         {}};
    for (size_t step = stage.first; step < stage.last; ++step) {
      const Step& own = plan_.steps[step];
      parameters.step_at[parameters.steps++] = {static_cast<int32_t>(own.kind), static_cast<int32_t>(own.a),
                                                static_cast<int32_t>(own.in_h),
                                                static_cast<int32_t>(own.in_w)};
      if (!plan_.needs_mean(step)) continue;
      parameters.h = static_cast<int32_t>(own.in_h), parameters.w = static_cast<int32_t>(own.in_w);
      context_.launch({"pixel_transforms", rgb ? "mean_luma_rgb" : "mean_luma_values"}, {count_}, {512},
                      parameters);
    }
    parameters.y = y;
    parameters.h = static_cast<int32_t>(end.out_h), parameters.w = static_cast<int32_t>(end.out_w);
    context_.launch({"pixel_transforms", rgb ? "transform_rgb" : "transform_values"}, {count_ * tiles}, {256},
                    parameters);
  }

  const TransformImagesProblem& p_;
  const TransformPlan& plan_;
  int64_t first_, count_, rows_;
  LaunchContext& context_;
};

// Indices first, as on the CPU; the kernels after it see only what can be applied.
void check_views(const TransformImagesProblem& p, const TransformImages<float>& a, const TransformPlan& plan,
                 LaunchContext& context) {
  char* workspace = static_cast<char*>(context.workspace);
  if (p.indexed) {
    FaultWord* fault = context.fault_word([images = p.images](uint32_t position, int32_t value) {
      return Error(
          ErrorCode::Index,
          format("transform_images: expected image indices in 0..%lld, got %d at position %u; check the "
                 "sampler against the size of the data set",
                 static_cast<long long>(images - 1), value, position));
    });
    context.launch({"check_transforms", "check_indices"}, {ceil_div(p.n, 128)}, {128},
                   CheckIndicesParameters{a.index, reinterpret_cast<int32_t*>(workspace + plan.indices),
                                          fault, p.n, p.images});
  }
  FaultWord* fault = context.fault_word([steps = plan.steps](uint32_t sample, int32_t value) {
    const Step& step = steps[static_cast<size_t>(value / 4)];
    const std::string wrong = data::describe(step.kind, static_cast<data::ParameterFault>(value % 4));
    return Error(ErrorCode::Argument, format("transform_images: %s, at sample %u", wrong.c_str(), sample));
  });
  CheckParametersParameters parameters{a.parameters,
                                       reinterpret_cast<float*>(workspace + plan.parameters),
                                       fault,
                                       p.shared ? 1 : p.n,
                                       static_cast<int32_t>(plan.steps.size()),
                                       {}};
  for (size_t step = 0; step < plan.steps.size(); ++step)
    parameters.step_at[step] = TransformStep(plan.steps[step]);
  context.launch({"check_transforms", "check_parameters"}, {ceil_div(parameters.rows, 128), p.steps()}, {128},
                 parameters);
}

size_t transform_workspace(const TransformImagesProblem& p) { return TransformPlan(p).bytes; }
double transform_bytes(const TransformImagesProblem& p) { return TransformPlan(p).traffic; }

void transform_slices(const TransformImagesProblem& p, const TransformImages<float>& a,
                      LaunchContext& context) {
  const TransformPlan plan(p);
  check_views(p, a, plan, context);
  for (int64_t first = 0; first < p.n; first += plan.slice) SliceOfSamples(p, plan, first, context).run(a);
}

}  // namespace

ImplementationList draw_transforms() {
  return {with_traffic<DrawTransformsProblem, &draw_bytes>(
      implementation<DrawTransforms<float>, &draw_samples>("samples"))};
}
ImplementationList transform_images() {
  return {with_traffic<TransformImagesProblem, &transform_bytes>(
      implementation<TransformImages<float>, &transform_slices, nullptr, &transform_workspace>("slices"))};
}

}  // namespace lapidary::cuda
