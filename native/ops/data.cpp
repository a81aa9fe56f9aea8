#include "ops/ops.h"

namespace lapidary::ops {

Outputs augment(OpCall& call) {
  const Tensor &images = call.input(0), &index = call.input(1);
  expect_dtype(call, "images", images, DType::U8);
  expect_dtype(call, "index", index, DType::I32);
  expect_rank(call, "images (NHWC)", images, 4);
  expect_rank(call, "index", index, 1);
  AugmentProblem problem;
  problem.images = images.size(0), problem.h = images.size(1), problem.w = images.size(2),
  problem.c = images.size(3);
  problem.n = index.count();
  problem.train = call.flag(0);
  problem.pad = call.int_in(1, 0, 4096);
  problem.flip = call.flag(2);
  problem.cutout = call.int_in(3, 0, 4096);
  problem.seed = call.seed(0);
  Tensor y = Tensor::empty(images.device(), {problem.n, problem.h, problem.w, problem.c});
  launch(KernelId::augment, images.device(), problem, {images, index, y});
  return {y};
}

Outputs draw_shapes10(OpCall& call) {
  const DrawShapes10Problem problem{call.int_in(0, 1, 10000000), call.seed(0), call.seed(1)};
  Tensor images = Tensor::empty(*call_context().device, {problem.n, 32, 32, 3}, DType::U8);
  Tensor labels = Tensor::empty(*call_context().device, {problem.n}, DType::I32);
  launch(KernelId::draw_shapes10, images.device(), problem, {images, labels});
  return {images, labels};
}

}  // namespace lapidary::ops
