#include "ops/transforms.h"

#include "ops/ops.h"

namespace lapidary::ops {

namespace {

Counts program_from(const OpCall& call, size_t first) {
  const auto ints = call.ints_from(first);
  return Counts(ints.begin(), ints.end());
}

// Names the op in what a problem's check says.
template <class Problem>
void expect_possible(const OpCall& call, const Problem& problem) {
  try {
    problem.check();
  } catch (const Error& error) {
    fail(error.code(), "[%s] %s", call.row().name, error.what());
  }
}

}  // namespace

Outputs draw_transforms(OpCall& call) {
  const Tensor &index = call.input(0), &ranges = call.input(1);
  expect_dtype(call, "index", index, DType::I32);
  expect_rank(call, "index", index, 1);
  expect_dtype(call, "ranges", ranges, DType::F32);
  DrawTransformsProblem problem;
  problem.n = index.count();
  problem.h = call.int_at(0), problem.w = call.int_at(1);
  problem.view = call.int_at(2);
  problem.program = program_from(call, 3);
  problem.seed = call.seed(0), problem.site = call.seed(1);
  expect_possible(call, problem);
  expect_shape(call, "ranges", ranges, {problem.steps(), data::kStepRanges});
  Tensor parameters = Tensor::empty(index.device(), {problem.n, problem.steps(), data::kStepParameters});
  launch(KernelId::draw_transforms, index.device(), problem, {index, ranges, parameters});
  return {parameters};
}

Outputs transform_images(OpCall& call) {
  const Tensor &images = call.input(0), &index = call.input(1), &parameters = call.input(2);
  if (images.dtype() != DType::U8) expect_dtype(call, "images (u8 or f32)", images, DType::F32);
  expect_rank(call, "images (NHWC)", images, 4);
  expect_dtype(call, "parameters", parameters, DType::F32);
  if (index) {
    expect_dtype(call, "index", index, DType::I32);
    expect_rank(call, "index", index, 1);
  }
  TransformImagesProblem problem;
  problem.images = images.size(0), problem.h = images.size(1), problem.w = images.size(2),
  problem.c = images.size(3);
  problem.n = index ? index.count() : problem.images;
  problem.bytes = images.dtype() == DType::U8;
  problem.indexed = static_cast<bool>(index);
  problem.shared = parameters.rank() > 0 && parameters.size(0) == 1;
  problem.program = program_from(call, 0);
  expect_possible(call, problem);
  expect_shape(call, "parameters", parameters,
               {problem.shared ? 1 : problem.n, problem.steps(), data::kStepParameters});
  const data::Step last = problem.placed().back();
  Tensor y = Tensor::empty(images.device(), {problem.n, last.out_h, last.out_w, problem.c});
  const Tensor none;
  launch(KernelId::transform_images, images.device(), problem,
         {problem.bytes ? images : none, problem.bytes ? none : images, index, parameters, y});
  return {y};
}

}  // namespace lapidary::ops
