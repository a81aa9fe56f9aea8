#include "ops/ops.h"

namespace lapidary::ops {
namespace {

Counts counts_of(std::span<const Tensor> tensors) {
  Counts counts;
  for (const Tensor& tensor : tensors) counts.push_back(tensor.count());
  return counts;
}

/// One list of tensors of a multi-tensor op: what one of them is called, and how the op treats it.
struct List {
  const char* name;
  bool changed;
  DType dtype = DType::F32;
};

/// Checks that the inputs are these lists, all like the first, and enqueues the kernel with its counts filled
/// in.
template <class Problem>
void launch_lists(KernelId kernel, const OpCall& call, Problem problem, const std::vector<List>& lists) {
  const auto tensors = call.inputs_from(0);
  const size_t count = tensors.size() / lists.size();
  const char* op = call.row().name;
  if (count == 0 || tensors.size() % lists.size() != 0) {
    std::string names;
    for (const List& list : lists) names += std::string(names.empty() ? "" : ", ") + list.name;
    fail(ErrorCode::Argument, "[%s] expected %zu lists of equal length (of each: %s), got %zu tensors", op,
         lists.size(), names.c_str(), tensors.size());
  }
  std::vector<Slot> slots;
  for (size_t index = 0; index < tensors.size(); ++index) {
    const List& list = lists[index / count];
    const Tensor& tensor = tensors[index];
    expect_dtype(call, list.name, tensor, list.dtype);
    expect_shape(call, list.name, tensor, tensors[index % count].shape());
    if (list.changed) expect_mutable(call, list.name, tensor);
    slots.push_back(list.changed ? changes(tensor) : Slot(tensor));
  }
  problem.counts = counts_of(tensors.first(count));
  launch(kernel, tensors[0].device(), problem, slots);
  for (size_t index = 0; index < tensors.size(); ++index) {
    if (lists[index / count].changed) tensors[index].storage().bump_version(op);
  }
}

}  // namespace

Outputs sgd(OpCall& call) {
  SgdProblem problem;
  problem.nesterov = call.flag(0), problem.masked = call.flag(1);
  problem.rate_slot = call.int_in(2, 0, StepBlock::kSlots - 1);
  problem.momentum = static_cast<float>(call.scalar_in(0, 0, 1));
  problem.decay = static_cast<float>(call.scalar_in(1, 0, 1e6));
  problem.rate_factor = static_cast<float>(call.scalar_in(2, 0, 1e6));
  std::vector<List> lists{{"a weight", true}, {"a gradient", false}};
  if (problem.momentum != 0) lists.push_back({"a momentum", true});
  if (problem.masked) lists.push_back({"a mask", false, DType::U8});
  launch_lists(KernelId::sgd, call, problem, lists);
  return {};
}

Outputs adam(OpCall& call) {
  AdamProblem problem;
  problem.decoupled = call.flag(0), problem.masked = call.flag(1);
  problem.rate_slot = call.int_in(2, 0, StepBlock::kSlots - 1);
  problem.first_slot = call.int_in(3, 0, StepBlock::kSlots - 1);
  problem.second_slot = call.int_in(4, 0, StepBlock::kSlots - 1);
  problem.beta1 = call.scalar_in(0, 0, 1), problem.beta2 = call.scalar_in(1, 0, 1);
  problem.epsilon = static_cast<float>(call.scalar_in(2, 0, 1e6));
  problem.decay = static_cast<float>(call.scalar_in(3, 0, 1e6));
  problem.rate_factor = static_cast<float>(call.scalar_in(4, 0, 1e6));
  std::vector<List> lists{
      {"a weight", true}, {"a gradient", false}, {"a first moment", true}, {"a second moment", true}};
  if (problem.masked) lists.push_back({"a mask", false, DType::U8});
  launch_lists(KernelId::adam, call, problem, lists);
  return {};
}

Outputs lerp(OpCall& call) {
  LerpProblem problem;
  problem.share_slot = call.int_in(0, 0, StepBlock::kSlots - 1);
  launch_lists(KernelId::lerp, call, problem, {{"an average", true}, {"a value", false}});
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
