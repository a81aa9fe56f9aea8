#include "ops/ops.h"

namespace lapidary::ops {

Outputs random_fill(OpCall& call) {
  RandomFillProblem problem;
  problem.kind = call.kind<Distribution>(0);
  problem.p0 = static_cast<float>(call.scalar(0)), problem.p1 = static_cast<float>(call.scalar(1));
  problem.seed = call.seed(2), problem.stream = call.seed(3);
  Tensor y = Tensor::empty(*call_context().device, shape_from(call, 1));
  problem.count = y.count();
  launch(KernelId::random_fill, y.device(), problem, {y});
  return {y};
}

Outputs dropout(OpCall& call) {
  const Tensor& x = call.input(0);
  expect_dtype(call, "x", x, DType::F32);
  DropoutProblem problem{x.count(), static_cast<float>(call.scalar_in(0, 0, 0.999999)), call.seed(1),
                         call.seed(2)};
  Tensor y = x.empty_like(), mask = x.empty_like();
  launch(KernelId::dropout, x.device(), problem, {x, y, mask});
  record(call.record(), "dropout", {x}, {mask}, y,
         [](std::span<const Tensor> saved, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
           return {apply_binary(BinaryKind::Multiply, grads[0], saved[0])};
         });
  return {y};
}

}  // namespace lapidary::ops
