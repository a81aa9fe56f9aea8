#include "ops/ops.h"

namespace lapidary::ops {
namespace {

Counts counts_of(std::span<const Tensor> tensors) {
  Counts counts;
  for (const Tensor& tensor : tensors) counts.push_back(tensor.count());
  return counts;
}

}  // namespace

Outputs sgd(OpCall& call) {
  const auto tensors = call.inputs_from(0);
  SgdProblem problem;
  problem.nesterov = call.flag(0);
  problem.rate_slot = call.int_in(1, 0, StepBlock::kSlots - 1);
  problem.momentum = static_cast<float>(call.scalar_in(0, 0, 1));
  problem.decay = static_cast<float>(call.scalar_in(1, 0, 1e6));
  const size_t lists = problem.momentum != 0 ? 3 : 2, count = tensors.size() / lists;
  if (count == 0 || tensors.size() % lists != 0) {
    fail(ErrorCode::Argument, "[sgd] expected weights, gradients%s in equal numbers, got %zu tensors",
         lists == 3 ? " and momenta" : "", tensors.size());
  }
  for (size_t index = 0; index < tensors.size(); ++index) {
    expect_dtype(call, "a tensor", tensors[index], DType::F32);
    expect_shape(call, "gradients and momenta like their weights: a tensor", tensors[index],
                 tensors[index % count].shape());
    if (index / count != 1) expect_mutable(call, "a weight or momentum", tensors[index]);
  }
  problem.counts = counts_of(tensors.first(count));
  std::vector<Slot> slots;
  for (size_t index = 0; index < tensors.size(); ++index) {
    slots.push_back(index / count == 1 ? Slot(tensors[index]) : changes(tensors[index]));
  }
  launch(KernelId::sgd, tensors[0].device(), problem, slots);
  for (size_t index = 0; index < tensors.size(); ++index) {
    if (index / count != 1) tensors[index].storage().bump_version("sgd");
  }
  return {};
}

Outputs norm2(OpCall& call) {
  const auto tensors = call.inputs_from(0);
  if (tensors.empty()) fail(ErrorCode::Argument, "[norm2] expected at least one tensor, got none");
  for (const Tensor& tensor : tensors) expect_dtype(call, "a tensor", tensor, DType::F32);
  Tensor norm = Tensor::empty(tensors[0].device(), {});
  std::vector<Slot> slots(tensors.begin(), tensors.end());
  slots.emplace_back(norm);
  launch(KernelId::norm2, norm.device(), Norm2Problem{counts_of(tensors)}, slots);
  return {norm};
}

Outputs clip_norm(OpCall& call) {
  const Tensor& norm = call.input(0);
  const auto tensors = call.inputs_from(1);
  if (tensors.empty()) fail(ErrorCode::Argument, "[clipNorm] expected at least one tensor, got none");
  expect_dtype(call, "norm", norm, DType::F32);
  expect_shape(call, "norm", norm, {});
  for (const Tensor& tensor : tensors) {
    expect_dtype(call, "a tensor", tensor, DType::F32);
    expect_mutable(call, "a tensor", tensor);
  }
  std::vector<Slot> slots;
  for (const Tensor& tensor : tensors) slots.push_back(changes(tensor));
  slots.emplace_back(norm);
  launch(KernelId::clip_norm, norm.device(),
         ClipNormProblem{counts_of(tensors), static_cast<float>(call.scalar_in(0, 1e-30, 1e30))}, slots);
  for (const Tensor& tensor : tensors) tensor.storage().bump_version("clipNorm");
  return {};
}

}  // namespace lapidary::ops
