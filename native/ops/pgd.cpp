#include "ops/ops.h"

namespace lapidary::ops {

Outputs pgd_start(OpCall& call) {
  const Tensor &x = call.input(0), &sample_index = call.input(1);
  expect_dtype(call, "x", x, DType::F32);
  expect_dtype(call, "sampleIndex", sample_index, DType::I32);
  if (x.rank() < 1) fail(ErrorCode::Shape, "[pgdStart] expected a batch, got %s", describe(x).c_str());
  expect_shape(call, "sampleIndex", sample_index, {x.size(0)});
  PgdStartProblem problem;
  problem.samples = x.size(0), problem.features = x.count() / x.size(0);
  problem.epsilon = static_cast<float>(call.scalar_in(0, 0, 1e6));
  problem.low = static_cast<float>(call.scalar(1)),
  problem.high = static_cast<float>(call.scalar_in(2, call.scalar(1), 1e30));
  problem.seed = call.seed(3), problem.site = call.seed(4);
  problem.norm = call.kind<BallNorm>(0);
  Tensor y = x.empty_like();
  launch(KernelId::pgd_start, x.device(), problem, {x, sample_index, y});
  return {y};
}

Outputs pgd_step(OpCall& call) {
  const Tensor& x = call.input(2);
  for (const auto& [index, name] :
       {std::pair<size_t, const char*>{0, "adversarial"}, {1, "gradient"}, {2, "x"}}) {
    expect_dtype(call, name, call.input(index), DType::F32);
    expect_shape(call, name, call.input(index), x.shape());
  }
  const int64_t samples = x.rank() == 0 ? 1 : x.size(0);
  PgdStepProblem problem{samples,
                         x.count() / samples,
                         static_cast<float>(call.scalar_in(0, 0, 1e6)),
                         static_cast<float>(call.scalar_in(1, 0, 1e6)),
                         static_cast<float>(call.scalar(2)),
                         static_cast<float>(call.scalar_in(3, call.scalar(2), 1e30)),
                         call.kind<BallNorm>(0)};
  Tensor y = x.empty_like();
  launch(KernelId::pgd_step, x.device(), problem, {call.input(0), call.input(1), x, y});
  return {y};
}

}  // namespace lapidary::ops
