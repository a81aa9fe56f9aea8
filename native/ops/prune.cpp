#include "ops/ops.h"

namespace lapidary::ops {

Outputs channel_scores(OpCall& call) {
  const Tensor& filter = call.input(0);
  expect_dtype(call, "filter", filter, DType::F32);
  if (filter.rank() < 2)
    fail(ErrorCode::Shape, "[channelScores] expected a filter or weight, got %s", describe(filter).c_str());
  const ChannelScoresProblem problem{filter.size(0), filter.count() / filter.size(0),
                                     call.kind<ScoreKind>(0)};
  Tensor score = Tensor::empty(filter.device(), {problem.channels});
  launch(KernelId::channel_scores, filter.device(), problem, {filter, score});
  return {score};
}

}  // namespace lapidary::ops
