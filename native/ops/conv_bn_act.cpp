// convBnAct: convolution, batch normalisation and an optional ReLU as one recorded op. The result keeps the
// raw convolution output and a pending normalisation, which the next op applies while it reads: the
// normalised tensor is never stored. The gradient that arrives is with respect to the normalised value.
#include "ops/ops.h"

namespace lapidary::ops {

Outputs conv_bn_act(OpCall& call) {
  const Tensor &x = call.input_or_normed(0), &filter = call.input(1);
  Conv2dProblem problem = conv2d_problem(call, x, filter);
  const bool relu = call.flag(7), training = call.flag(8);
  Tensor in_scale, in_shift;
  if (const Normalization* pending = x.pending()) {
    problem.prologue = pending->relu ? Prologue::AffineRelu : Prologue::Affine;
    in_scale = pending->scale;
    in_shift = pending->shift;
  }
  problem.statistics = training;
  Device& device = x.device();
  Tensor y = Tensor::empty(device, {problem.n, problem.p(), problem.q(), problem.k});
  Tensor mean, variance;
  if (training) {
    mean = Tensor::empty(device, {problem.k});
    variance = Tensor::empty(device, {problem.k});
  }
  launch(KernelId::conv2d_fprop, device, problem,
         {x, filter, in_scale, in_shift, nullptr, nullptr, y, mean, variance});
  const int64_t rows = y.count() / problem.k;
  const FoldedNorm norm = fold_norm(call, 2, 8, rows, problem.k, mean, variance);
  y.impl()->pending = std::make_shared<Normalization>(Normalization{norm.scale, norm.shift, relu});

  const Tensor &gamma = call.input(2), &beta = call.input(3);
  const bool recorded = call.record() && (x.needs_grad() || filter.needs_grad() ||
                                          (gamma && gamma.needs_grad()) || (beta && beta.needs_grad()));
  if (!recorded) return {y};
  const Tensor saved_mean = training ? norm.mean : copy_of(norm.mean);
  record(
      true, "convBnAct", {x, filter, gamma, beta},
      {x, in_scale, in_shift, filter, y, norm.scale, norm.shift, saved_mean, norm.invstd}, y,
      [=](std::span<const Tensor> saved, std::span<const Tensor> grads, const NeedsMask& needs) -> Outputs {
        const Tensor &x = saved[0], &filter = saved[3];
        const NormGradients result = norm_gradients({rows, problem.k, relu, training}, grads[0], saved[4],
                                                    {saved[5], saved[6], saved[7], saved[8]},
                                                    needs[0] || needs[1], needs[2] || needs[3]);
        Tensor dx, dfilter;
        if (needs[0]) dx = conv2d_input_gradient(problem, result.dx, filter, x.shape());
        if (needs[1])
          dfilter = conv2d_filter_gradient(problem, x, saved[1], saved[2], result.dx, filter.shape());
        return {dx, dfilter, needs[2] ? result.dgamma : Tensor(), needs[3] ? result.dbeta : Tensor()};
      });
  return {y};
}

}  // namespace lapidary::ops
