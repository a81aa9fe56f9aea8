#include "ops/ops.h"

namespace lapidary::ops {

FoldedNorm fold_norm(const OpCall& call, size_t first, size_t first_int, int64_t rows, int64_t channels,
                     const Tensor& batch_mean, const Tensor& batch_variance) {
  const Tensor &gamma = call.input(first), &beta = call.input(first + 1);
  const Tensor &running_mean = call.input(first + 2), &running_variance = call.input(first + 3);
  const bool training = call.flag(first_int), update = training && call.flag(first_int + 1);
  for (const Tensor* vector : {&gamma, &beta, &running_mean, &running_variance}) {
    if (!*vector) continue;
    expect_dtype(call, "a per-channel vector", *vector, DType::F32);
    expect_shape(call, "a per-channel vector", *vector, {channels});
  }
  if (static_cast<bool>(gamma) != static_cast<bool>(beta)) {
    fail(ErrorCode::Argument, "[%s] expected gamma and beta together, or neither", call.row().name);
  }
  if ((update || !training) && (!running_mean || !running_variance)) {
    fail(ErrorCode::Argument, "[%s] expected running mean and variance: they are %s", call.row().name,
         training ? "to be updated" : "the statistics of evaluation");
  }
  BatchNormFoldProblem problem{rows,
                               channels,
                               static_cast<bool>(gamma),
                               update,
                               static_cast<float>(call.scalar_in(0, 0, 1e6)),
                               static_cast<float>(call.scalar_in(1, 0, 1))};
  const Tensor &mean = training ? batch_mean : running_mean,
               &variance = training ? batch_variance : running_variance;
  Device& device = mean.device();
  FoldedNorm norm{Tensor::empty(device, {channels}), Tensor::empty(device, {channels}), mean,
                  Tensor::empty(device, {channels})};
  if (update) {
    expect_mutable(call, "runningMean", running_mean);
    expect_mutable(call, "runningVariance", running_variance);
  }
  launch(KernelId::batch_norm_fold, device, problem,
         {mean, variance, gamma, beta, update ? changes(running_mean) : Slot(),
          update ? changes(running_variance) : Slot(), norm.scale, norm.shift, norm.invstd});
  if (update) {
    running_mean.storage().bump_version(call.row().name);
    running_variance.storage().bump_version(call.row().name);
  }
  return norm;
}

NormGradients norm_gradients(const BatchNormBackwardProblem& problem, const Tensor& dz, const Tensor& x,
                             const FoldedNorm& norm, bool need_dx, bool need_sums) {
  NormGradients result;
  Device& device = dz.device();
  if (need_sums || (need_dx && problem.training)) {
    result.dbeta = Tensor::empty(device, {problem.channels});
    result.dgamma = Tensor::empty(device, {problem.channels});
    launch(KernelId::batch_norm_reduce, device, problem,
           {dz, x, norm.scale, norm.shift, norm.mean, norm.invstd, result.dbeta, result.dgamma});
  }
  if (need_dx) {
    result.dx = dz.empty_like();
    launch(KernelId::batch_norm_dgrad, device, problem,
           {dz, x, norm.scale, norm.shift, norm.mean, norm.invstd, result.dbeta, result.dgamma, result.dx});
  }
  return result;
}

Outputs batch_norm(OpCall& call) {
  const Tensor& x = call.input(0);
  expect_dtype(call, "x", x, DType::F32);
  if (x.rank() < 2)
    fail(ErrorCode::Shape, "[batchNorm] expected x of rank 2 or more, channels last, got %s",
         describe(x).c_str());
  const int64_t channels = x.shape().back(), rows = x.count() / channels;
  const bool training = call.flag(0);
  Device& device = x.device();
  Tensor mean, variance;
  if (training) {
    mean = Tensor::empty(device, {channels});
    variance = Tensor::empty(device, {channels});
    launch(KernelId::batch_norm_statistics, device, RowsProblem{rows, channels}, {x, mean, variance});
  }
  const FoldedNorm norm = fold_norm(call, 1, 0, rows, channels, mean, variance);
  Tensor y = x.empty_like();
  NormalizeProblem apply;
  apply.rows = rows, apply.channels = channels;
  launch(KernelId::normalize, device, apply, {x, norm.scale, norm.shift, nullptr, nullptr, nullptr, y});
  // Running statistics change with every training step: what backward needs of them is saved as a copy.
  const Tensor saved_mean = training ? norm.mean : copy_of(norm.mean);
  record(call.record(), "batchNorm", {x, call.input(1), call.input(2)},
         {x, norm.scale, norm.shift, saved_mean, norm.invstd}, y,
         [rows, channels, training](std::span<const Tensor> saved, std::span<const Tensor> grads,
                                    const NeedsMask& needs) -> Outputs {
           const NormGradients result =
               norm_gradients({rows, channels, ReluMask::None, training}, grads[0], saved[0],
                              {saved[1], saved[2], saved[3], saved[4]}, needs[0], needs[1] || needs[2]);
           return {result.dx, needs[1] ? result.dgamma : Tensor(), needs[2] ? result.dbeta : Tensor()};
         });
  return {y};
}

Outputs normalize(OpCall& call) {
  const Tensor& x = call.input_or_normed(0);
  const Normalization* pending = x.pending();
  if (!pending) return {x};
  NormalizeProblem problem;
  problem.channels = x.shape().back();
  problem.rows = x.count() / problem.channels;
  problem.relu = pending->relu;
  Tensor y = x.empty_like();
  launch(KernelId::normalize, x.device(), problem,
         {x, pending->scale, pending->shift, nullptr, nullptr, nullptr, y});
  // x's gradient is defined with respect to its normalised value: it passes through.
  record(call.record(), "normalize", {x}, {}, y,
         [](std::span<const Tensor>, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
           return {grads[0]};
         });
  return {y};
}

Outputs residual(OpCall& call) {
  const bool swap = !call.input_or_normed(0).pending() && call.input_or_normed(1).pending();
  const Tensor &a = call.input_or_normed(swap ? 1 : 0), &b = call.input_or_normed(swap ? 0 : 1);
  expect_dtype(call, "a", a, DType::F32);
  expect_dtype(call, "b", b, DType::F32);
  expect_shape(call, "b", b, a.shape());
  if (a.rank() < 1)
    fail(ErrorCode::Shape, "[residual] expected a rank of 1 or more, got %s", describe(a).c_str());
  NormalizeProblem problem;
  problem.channels = a.shape().back();
  problem.rows = a.count() / problem.channels;
  problem.affine = a.pending() != nullptr;
  problem.a_relu = a.pending() && a.pending()->relu;
  problem.addend = b.pending() ? Addend::Affine : Addend::Plain;
  problem.b_relu = b.pending() && b.pending()->relu;
  problem.relu = call.flag(0);
  Tensor y = a.empty_like();
  const auto scale = [](const Tensor& t) { return t.pending() ? Slot(t.pending()->scale) : Slot(); };
  const auto shift = [](const Tensor& t) { return t.pending() ? Slot(t.pending()->shift) : Slot(); };
  launch(KernelId::normalize, a.device(), problem, {a, scale(a), shift(a), b, scale(b), shift(b), y});
  record(call.record(), "residual", {a, b}, {problem.relu ? y : Tensor()}, y,
         [](std::span<const Tensor>, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
           return {grads[0], grads[0]};
         },
         {0, problem.relu ? Rectifier::Relu : Rectifier::None});
  return {y};
}

}  // namespace lapidary::ops
