#include "ops/ops.h"

namespace lapidary {

void Conv2dProblem::check() const {
  const auto in_range = [](int64_t value, int64_t low, int64_t high) {
    return value >= low && value <= high;
  };
  const int64_t big = int64_t{1} << 24;
  if (!in_range(n, 1, big) || !in_range(h, 1, big) || !in_range(w, 1, big) || !in_range(c, 1, big) ||
      !in_range(k, 1, big) || !in_range(r, 1, big) || !in_range(s, 1, big)) {
    fail(ErrorCode::Shape, "[conv2d] expected every extent in 1..2^24, got %s", problem_text(*this).c_str());
  }
  if (!in_range(stride_h, 1, 1024) || !in_range(stride_w, 1, 1024) || !in_range(dilation_h, 1, 1024) ||
      !in_range(dilation_w, 1, 1024) || !in_range(pad_h, 0, 4096) || !in_range(pad_w, 0, 4096)) {
    fail(ErrorCode::Argument,
         "[conv2d] expected stride and dilation in 1..1024 and padding in 0..4096, got %s",
         problem_text(*this).c_str());
  }
  if (groups < 1 || c % groups != 0 || k % groups != 0) {
    fail(ErrorCode::Shape, "[conv2d] expected groups to divide both C=%lld and K=%lld, got groups=%lld",
         static_cast<long long>(c), static_cast<long long>(k), static_cast<long long>(groups));
  }
  if (h + 2 * pad_h < dilation_h * (r - 1) + 1 || w + 2 * pad_w < dilation_w * (s - 1) + 1) {
    fail(ErrorCode::Shape, "[conv2d] expected an image at least as large as the filter, got %s",
         problem_text(*this).c_str());
  }
  if ((x_stride && !in_range(x_stride, c, big)) || (y_stride && !in_range(y_stride, k, big))) {
    fail(ErrorCode::Shape, "[conv2d] expected pixel strides of at least C and K, got %s",
         problem_text(*this).c_str());
  }
  check_extents({n, h, w, x_pixel()});
  check_extents({n, p(), q(), y_pixel()});
  check_extents({k, r, s, c / groups});
}

namespace ops {

Conv2dProblem conv2d_problem(const OpCall& call, const Tensor& x, const Tensor& filter) {
  expect_dtype(call, "x", x, DType::F32);
  expect_dtype(call, "filter", filter, DType::F32);
  expect_rank(call, "x (NHWC)", x, 4);
  expect_rank(call, "filter (KRSC)", filter, 4);
  Conv2dProblem p;
  p.n = x.size(0), p.h = x.size(1), p.w = x.size(2), p.c = x.size(3);
  p.k = filter.size(0), p.r = filter.size(1), p.s = filter.size(2);
  p.stride_h = call.int_at(0), p.stride_w = call.int_at(1), p.pad_h = call.int_at(2),
  p.pad_w = call.int_at(3);
  p.dilation_h = call.int_at(4), p.dilation_w = call.int_at(5), p.groups = call.int_at(6);
  p.strict = call_context().strict;
  p.check();
  if (filter.size(3) != p.c / p.groups) {
    fail(ErrorCode::Shape,
         "[%s] expected filter (KRSC) with %lld input channels (x is %s, groups %lld), got %s",
         call.row().name, static_cast<long long>(p.c / p.groups), describe(x).c_str(),
         static_cast<long long>(p.groups), describe(filter).c_str());
  }
  return p;
}

Tensor conv2d_input_gradient(Conv2dProblem problem, const Tensor& dy, const Tensor& filter, const Dims& shape,
                             Reception& reception) {
  problem = problem.without_epilogue();
  problem.prologue = Prologue::None;
  problem.addend = static_cast<bool>(reception.addend);
  problem.mask = reception.rectifier;
  Tensor dx = Tensor::empty(dy.device(), shape);
  launch(KernelId::conv2d_dgrad, dy.device(), problem,
         {dy, filter, reception.addend, reception.rectified, dx});
  reception.done = true;
  return dx;
}

Tensor conv2d_filter_gradient(Conv2dProblem problem, const Tensor& x, const Tensor& in_scale,
                              const Tensor& in_shift, const Tensor& dy, const Dims& shape) {
  problem = problem.without_epilogue();
  Tensor dfilter = Tensor::empty(dy.device(), shape);
  launch(KernelId::conv2d_wgrad, dy.device(), problem, {x, in_scale, in_shift, dy, dfilter});
  return dfilter;
}

Outputs conv2d(OpCall& call) {
  const Tensor &x = call.input(0), &filter = call.input(1), &bias = call.input(2);
  Conv2dProblem problem = conv2d_problem(call, x, filter);
  if (bias) {
    expect_dtype(call, "bias", bias, DType::F32);
    expect_shape(call, "bias", bias, {problem.k});
    problem.bias = true;
  }
  Tensor y = Tensor::empty(x.device(), {problem.n, problem.p(), problem.q(), problem.k});
  launch(KernelId::conv2d_fprop, x.device(), problem,
         {x, filter, nullptr, nullptr, nullptr, bias, nullptr, y, nullptr, nullptr});
  record(call.record(), "conv2d", {x, filter, bias}, {x, filter}, y,
         [problem](std::span<const Tensor> saved, std::span<const Tensor> grads,
                   const NeedsMask& needs) -> Outputs {
           const Tensor &x = saved[0], &filter = saved[1], &dy = grads[0];
           Tensor dx, dfilter, dbias;
           if (needs[0]) dx = conv2d_input_gradient(problem, dy, filter, x.shape(), *needs.reception(0));
           if (needs[1]) dfilter = conv2d_filter_gradient(problem, x, {}, {}, dy, filter.shape());
           if (needs[2]) {
             dbias = Tensor::empty(dy.device(), {problem.k});
             launch(KernelId::column_sum, dy.device(), ColumnSumProblem{dy.count() / problem.k, problem.k},
                    {dy, dbias});
           }
           return {dx, dfilter, dbias};
         });
  return {y};
}

}  // namespace ops
}  // namespace lapidary
