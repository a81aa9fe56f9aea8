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

Outputs prune_mask(OpCall& call) {
  const auto tensors = call.inputs_from(0);
  const size_t count = tensors.size() / 2;
  if (count == 0 || tensors.size() % 2 != 0) {
    fail(ErrorCode::Argument, "[pruneMask] expected weights and as many masks, got %zu tensors",
         tensors.size());
  }
  MagnitudeMaskProblem problem;
  for (size_t index = 0; index < count; ++index) {
    const Tensor &weight = tensors[index], &mask = tensors[count + index];
    expect_dtype(call, "a weight", weight, DType::F32);
    expect_mutable(call, "a weight", weight);
    expect_dtype(call, "a mask", mask, DType::U8);
    expect_shape(call, "a mask", mask, weight.shape());
    problem.counts.push_back(weight.count());
  }
  const double pruned = call.scalar_in(0, 0, static_cast<double>(problem.total()));
  problem.pruned = static_cast<int64_t>(pruned);
  if (static_cast<double>(problem.pruned) != pruned)
    fail(ErrorCode::Argument, "[pruneMask] expected pruned to be a whole number, got %g", pruned);

  // Two launches, so that a NaN is found before any weight is changed: the second then does not run.
  Device& device = tensors[0].device();
  Tensor threshold = Tensor::empty(device, {});
  Tensor ties = Tensor::empty(device, {problem.pieces()}, DType::I32);
  std::vector<Slot> read(tensors.begin(), tensors.begin() + static_cast<std::ptrdiff_t>(count));
  read.emplace_back(threshold), read.emplace_back(ties);
  launch(KernelId::magnitude_threshold, device, problem, read);
  std::vector<Slot> written;
  for (const Tensor& weight : tensors.first(count)) written.push_back(changes(weight));
  written.emplace_back(threshold), written.emplace_back(ties);
  for (const Tensor& mask : tensors.subspan(count)) written.emplace_back(mask);
  launch(KernelId::prune_mask, device, problem, written);
  for (const Tensor& tensor : tensors) tensor.storage().bump_version("pruneMask");
  return {};
}

}  // namespace lapidary::ops
