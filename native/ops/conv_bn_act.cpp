// convBnAct: convolution, batch normalisation, in evaluation a residual sum, and an optional ReLU as one
// recorded op.
//
// In training the result keeps the raw convolution output and a pending normalisation, which the next op
// applies while it reads: the normalised tensor is never stored. The gradient that arrives is with respect to
// the normalised value. In evaluation the normalisation is known beforehand, so the convolution's epilogue
// applies it: y = relu(conv * scale + shift + residual) is what is stored, and backward folds the scale into
// the filter.
#include "ops/ops.h"

namespace lapidary::ops {
namespace {

/// The convolution of a call and what is pending on its input.
struct Convolution {
  Conv2dProblem problem;
  Tensor x, filter, in_scale, in_shift;

  explicit Convolution(const OpCall& call)
      : problem(conv2d_problem(call, call.input_or_normed(0), call.input(1))),
        x(call.input_or_normed(0)),
        filter(call.input(1)) {
    const Normalization* pending = x.pending();
    if (!pending) return;
    problem.prologue = pending->relu ? Prologue::AffineRelu : Prologue::Affine;
    in_scale = pending->scale;
    in_shift = pending->shift;
  }
  int64_t rows() const { return problem.n * problem.p() * problem.q(); }
  Dims output_shape() const { return {problem.n, problem.p(), problem.q(), problem.k}; }
};

Outputs in_training(OpCall& call, Convolution conv, bool relu) {
  Conv2dProblem& problem = conv.problem;
  problem.statistics = true;
  Device& device = conv.x.device();
  Tensor y = Tensor::empty(device, conv.output_shape());
  const Tensor mean = Tensor::empty(device, {problem.k}), variance = Tensor::empty(device, {problem.k});
  launch(KernelId::conv2d_fprop, device, problem,
         {conv.x, conv.filter, conv.in_scale, conv.in_shift, nullptr, nullptr, nullptr, y, mean, variance});
  const FoldedNorm norm = fold_norm(call, 2, 8, conv.rows(), problem.k, mean, variance);
  y.impl()->pending = std::make_shared<Normalization>(Normalization{norm.scale, norm.shift, relu});

  record(
      call.record(), "convBnAct", {conv.x, conv.filter, call.input(2), call.input(3)},
      {conv.x, conv.in_scale, conv.in_shift, conv.filter, y, norm.scale, norm.shift, norm.mean, norm.invstd},
      y,
      [problem, relu, rows = conv.rows()](std::span<const Tensor> saved, std::span<const Tensor> grads,
                                          const NeedsMask& needs) -> Outputs {
        const Tensor &x = saved[0], &filter = saved[3];
        const BatchNormBackwardProblem backward{rows, problem.k, relu ? ReluMask::Input : ReluMask::None,
                                                true};
        const NormGradients result =
            norm_gradients(backward, grads[0], saved[4], {saved[5], saved[6], saved[7], saved[8]},
                           needs[0] || needs[1], needs[2] || needs[3]);
        Tensor dx, dfilter;
        if (needs[0]) dx = conv2d_input_gradient(problem, result.dx, filter, x.shape(), *needs.reception(0));
        if (needs[1])
          dfilter = conv2d_filter_gradient(problem, x, saved[1], saved[2], result.dx, filter.shape());
        return {dx, dfilter, needs[2] ? result.dgamma : Tensor(), needs[3] ? result.dbeta : Tensor()};
      });
  return {y};
}

Outputs in_evaluation(OpCall& call, const Convolution& conv, bool relu, bool relu6, const Tensor& residual) {
  const FoldedNorm norm = fold_norm(call, 2, 8, conv.rows(), conv.problem.k, {}, {});
  Device& device = conv.x.device();
  Tensor y = Tensor::empty(device, conv.output_shape());
  Conv2dProblem problem = conv.problem;
  problem.scale = problem.bias = true;
  problem.relu = relu && !relu6;
  problem.relu6 = relu6;
  problem.residual = static_cast<bool>(residual);
  launch(KernelId::conv2d_fprop, device, problem,
         {conv.x, conv.filter, conv.in_scale, conv.in_shift, norm.scale, norm.shift, residual, y, nullptr,
          nullptr});

  const Tensor &gamma = call.input(2), &beta = call.input(3);
  const bool recorded =
      call.record() && (conv.x.needs_grad() || conv.filter.needs_grad() || (gamma && gamma.needs_grad()) ||
                        (beta && beta.needs_grad()) || (residual && residual.needs_grad()));
  if (!recorded) return {y};
  // Running statistics change with every training step: what backward needs of them is saved as a copy.
  const Tensor mean = gamma && gamma.needs_grad() ? copy_of(norm.mean) : Tensor();
  const Rectifier by = relu6 ? Rectifier::Relu6 : relu ? Rectifier::Relu : Rectifier::None;
  record(
      true, "convBnAct", {conv.x, conv.filter, gamma, beta, residual},
      {by == Rectifier::None ? Tensor() : y, conv.x, conv.in_scale, conv.in_shift, conv.filter, norm.scale,
       mean, norm.invstd},
      y,
      [plain = conv.problem, rows = conv.rows()](std::span<const Tensor> saved, std::span<const Tensor> grads,
                                                 const NeedsMask& needs) -> Outputs {
        const Tensor &x = saved[1], &in_scale = saved[2], &in_shift = saved[3], &filter = saved[4],
                     &dz = grads[0];
        const Tensor scale = saved[5].view({plain.k, 1, 1, 1});
        // conv(x, f) * scale = conv(x, f * scale): a filter is smaller than what it is convolved with.
        Tensor dx, dfilter, dgamma, dbeta;
        if (needs[0]) {
          const Tensor scaled = apply_binary(BinaryKind::Multiply, filter, scale);
          dx = conv2d_input_gradient(plain, dz, scaled, x.shape(), *needs.reception(0));
        }
        if (needs[1]) {
          const Tensor unscaled = conv2d_filter_gradient(plain, x, in_scale, in_shift, dz, filter.shape());
          dfilter = apply_binary(BinaryKind::Multiply, unscaled, scale);
        }
        if (needs[2]) {
          // gamma's gradient alone needs what the convolution gave, which is computed again.
          Tensor raw = Tensor::empty(x.device(), dz.shape());
          launch(KernelId::conv2d_fprop, x.device(), plain,
                 {x, filter, in_scale, in_shift, nullptr, nullptr, nullptr, raw, nullptr, nullptr});
          const NormGradients sums = norm_gradients({rows, plain.k, ReluMask::None, false}, dz, raw,
                                                    {saved[5], {}, saved[6], saved[7]}, false, true);
          dgamma = sums.dgamma, dbeta = sums.dbeta;
        } else if (needs[3]) {
          dbeta = Tensor::empty(x.device(), {plain.k});
          launch(KernelId::column_sum, x.device(), ColumnSumProblem{rows, plain.k}, {dz, dbeta});
        }
        return {dx, dfilter, dgamma, needs[3] ? dbeta : Tensor(), needs[4] ? dz : Tensor()};
      },
      {0, by});
  return {y};
}

}  // namespace

Outputs conv_bn_act(OpCall& call) {
  const Convolution conv(call);
  const bool relu = call.flag(7), training = call.flag(8), relu6 = call.flag(10);
  const Tensor& residual = call.input(6);
  if (residual) {
    if (training) {
      fail(ErrorCode::Argument,
           "[convBnAct] expected no residual in training, where the sum waits for the batch's statistics; "
           "add it "
           "with residual");
    }
    expect_dtype(call, "residual", residual, DType::F32);
    expect_shape(call, "residual", residual, conv.output_shape());
  }
  if (relu6 && training) {
    fail(ErrorCode::Argument,
         "[convBnAct] expected no relu6 in training, where the activation waits for the batch's statistics; "
         "apply it "
         "with relu6");
  }
  return training ? in_training(call, conv, relu) : in_evaluation(call, conv, relu, relu6, residual);
}

}  // namespace lapidary::ops
