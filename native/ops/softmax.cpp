#include "ops/ops.h"

namespace lapidary {

std::string label_fault(int64_t classes, int32_t label, int64_t row) {
  return format(
      "cross_entropy: expected labels in 0..%lld, got %d at row %lld; check the data set's labels against "
      "the number of outputs of the model",
      static_cast<long long>(classes - 1), label, static_cast<long long>(row));
}

}  // namespace lapidary

namespace lapidary::ops {

Outputs softmax(OpCall& call) {
  const Tensor& x = call.input(0);
  expect_dtype(call, "x", x, DType::F32);
  if (x.rank() < 1)
    fail(ErrorCode::Shape, "[softmax] expected a rank of 1 or more, got %s", describe(x).c_str());
  const SoftmaxProblem problem{x.count() / x.shape().back(), x.shape().back(), call.flag(0)};
  Tensor y = x.empty_like();
  launch(KernelId::softmax_forward, x.device(), problem, {x, y});
  record(
      call.record(), "softmax", {x}, {y}, y,
      [problem](std::span<const Tensor> saved, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
        Tensor dx = saved[0].empty_like();
        launch(KernelId::softmax_backward, dx.device(), problem, {saved[0], grads[0], dx});
        return {dx};
      });
  return {y};
}

Outputs cross_entropy(OpCall& call) {
  const Tensor &logits = call.input(0), &labels = call.input(1);
  expect_dtype(call, "logits", logits, DType::F32);
  expect_dtype(call, "labels", labels, DType::I32);
  expect_rank(call, "logits", logits, 2);
  expect_shape(call, "labels", labels, {logits.size(0)});
  const CrossEntropyProblem problem{logits.size(0), logits.size(1),
                                    static_cast<float>(call.scalar_in(0, 0, 1)), call.flag(0)};
  Tensor loss = Tensor::empty(logits.device(), problem.mean ? Dims{} : Dims{problem.rows});
  Tensor log_sum_exp = Tensor::empty(logits.device(), {problem.rows});
  launch(KernelId::cross_entropy_forward, logits.device(), problem, {logits, labels, loss, log_sum_exp});
  record(
      call.record(), "crossEntropy", {logits}, {logits, labels, log_sum_exp}, loss,
      [problem](std::span<const Tensor> saved, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
        Tensor dlogits = saved[0].empty_like();
        launch(KernelId::cross_entropy_backward, dlogits.device(), problem,
               {saved[0], saved[1], saved[2], grads[0], dlogits});
        return {dlogits};
      });
  return {loss};
}

}  // namespace lapidary::ops
