#include "ops/ops.h"

namespace lapidary {

void PoolProblem::check() const {
  check_extents({n, h, w, c});
  check_range("H * W", h * w, 1, INT32_MAX);  // positions are i32
  check_range("R", r, 1, 4096);
  check_range("S", s, 1, 4096);
  check_range("stride_h", stride_h, 1, 4096);
  check_range("stride_w", stride_w, 1, 4096);
  check_range("pad_h", pad_h, 0, 4096);
  check_range("pad_w", pad_w, 0, 4096);
  if (2 * pad_h > r || 2 * pad_w > s) {
    fail(ErrorCode::Argument, "[pool] expected padding of at most half the window, got %s",
         problem_text(*this).c_str());
  }
  if (h + 2 * pad_h < r || w + 2 * pad_w < s) {
    fail(ErrorCode::Shape, "[pool] expected an image at least as large as the window, got %s",
         problem_text(*this).c_str());
  }
  check_extents({n, p(), q(), c});
}

namespace ops {

Outputs pool(OpCall& call) {
  const Tensor& x = call.input(0);
  expect_dtype(call, "x", x, DType::F32);
  expect_rank(call, "x (NHWC)", x, 4);
  PoolProblem problem;
  problem.n = x.size(0), problem.h = x.size(1), problem.w = x.size(2), problem.c = x.size(3);
  problem.kind = call.kind<PoolKind>(0);
  problem.r = call.int_in(1, 1, 4096), problem.s = call.int_in(2, 1, 4096);
  problem.stride_h = call.int_in(3, 1, 4096), problem.stride_w = call.int_in(4, 1, 4096);
  problem.pad_h = call.int_in(5, 0, 4096), problem.pad_w = call.int_in(6, 0, 4096);
  problem.count_padding = call.flag(7);
  problem.check();
  const Dims shape{problem.n, problem.p(), problem.q(), problem.c};
  Tensor y = Tensor::empty(x.device(), shape);
  Tensor index;
  if (problem.kind == PoolKind::Max) index = Tensor::empty(x.device(), shape, DType::I32);
  launch(KernelId::pool_fprop, x.device(), problem, {x, y, index});
  record(call.record(), "pool", {x}, {index}, y,
         [problem, x_shape = x.shape()](std::span<const Tensor> saved, std::span<const Tensor> grads,
                                        const NeedsMask&) -> Outputs {
           Tensor dx = Tensor::empty(grads[0].device(), x_shape);
           launch(KernelId::pool_dgrad, dx.device(), problem, {grads[0], saved[0], dx});
           return {dx};
         });
  return {y};
}

}  // namespace ops
}  // namespace lapidary
