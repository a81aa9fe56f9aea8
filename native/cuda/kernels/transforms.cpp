// Host side of the picture transforms: see cuda/kernels/draw_transforms.cu and transform_images.cu.
#include "ops/transforms.h"

#include "cuda/launch_context.h"
#include "kernels/transforms/draw_transforms.h"

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

}  // namespace

ImplementationList draw_transforms() {
  return {with_traffic<DrawTransformsProblem, &draw_bytes>(
      implementation<DrawTransforms<float>, &draw_samples>("samples"))};
}
ImplementationList transform_images() { return {}; }

}  // namespace lapidary::cuda
