#include "ops/ops.h"

namespace lapidary::ops {
namespace {

int64_t rows_of(const Tensor& x, bool transposed) { return x.size(transposed ? 1 : 0); }
int64_t columns_of(const Tensor& x, bool transposed) { return x.size(transposed ? 0 : 1); }

}  // namespace

Tensor multiply(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  GemmProblem problem{rows_of(a, transpose_a), columns_of(b, transpose_b), columns_of(a, transpose_a),
                      transpose_a, transpose_b};
  Tensor y = Tensor::empty(a.device(), {problem.m, problem.n});
  launch(KernelId::gemm, a.device(), problem, {a, b, nullptr, y});
  return y;
}

Outputs matmul(OpCall& call) {
  const bool ta = call.flag(0), tb = call.flag(1);
  const Tensor &a = call.input(0), &b = call.input(1);
  expect_dtype(call, "a", a, DType::F32);
  expect_dtype(call, "b", b, DType::F32);
  expect_rank(call, "a", a, 2);
  expect_rank(call, "b", b, 2);
  if (columns_of(a, ta) != rows_of(b, tb)) {
    fail(ErrorCode::Shape, "[matmul] expected inner extents to agree, got %s%s and %s%s", describe(a).c_str(),
         ta ? " transposed" : "", describe(b).c_str(), tb ? " transposed" : "");
  }
  Tensor y = multiply(a, b, ta, tb);
  record(call.record(), "matmul", {a, b}, {a, b}, y,
         [ta, tb](std::span<const Tensor> saved, std::span<const Tensor> grads,
                  const NeedsMask& needs) -> Outputs {
           const Tensor &a = saved[0], &b = saved[1], &dy = grads[0];
           Tensor da, db;  // d op(a) = dy op(b)^T,  d op(b) = op(a)^T dy; transposed back where a or b is
                           // stored transposed
           if (needs[0]) da = ta ? multiply(b, dy, tb, true) : multiply(dy, b, false, !tb);
           if (needs[1]) db = tb ? multiply(dy, a, true, ta) : multiply(a, dy, !ta, false);
           return {da, db};
         });
  return {y};
}

Outputs linear(OpCall& call) {
  const Tensor &x = call.input(0), &weight = call.input(1), &bias = call.input(2);
  expect_dtype(call, "x", x, DType::F32);
  expect_dtype(call, "weight", weight, DType::F32);
  expect_rank(call, "weight", weight, 2);
  if (x.rank() < 1 || x.shape().back() != weight.size(1)) {
    fail(ErrorCode::Shape, "[linear] expected x with a last extent of %lld (weight %s is [out, in]), got %s",
         static_cast<long long>(weight.size(1)), describe(weight).c_str(), describe(x).c_str());
  }
  if (bias) {
    expect_dtype(call, "bias", bias, DType::F32);
    expect_shape(call, "bias", bias, {weight.size(0)});
  }
  const int64_t rows = x.count() / x.shape().back();
  Dims shape = x.shape();
  shape[shape.rank() - 1] = weight.size(0);
  GemmProblem problem{rows, weight.size(0), weight.size(1), false, true};
  problem.bias = static_cast<bool>(bias);
  Tensor y = Tensor::empty(x.device(), shape);
  launch(KernelId::gemm, x.device(), problem, {x, weight, bias, y});
  record(call.record(), "linear", {x, weight, bias}, {x, weight}, y,
         [rows](std::span<const Tensor> saved, std::span<const Tensor> grads,
                const NeedsMask& needs) -> Outputs {
           const Tensor &x = saved[0], &weight = saved[1];
           const Tensor flat_x = x.view({rows, weight.size(1)}), dy = grads[0].view({rows, weight.size(0)});
           Tensor dx, dweight, dbias;
           if (needs[0]) dx = multiply(dy, weight, false, false).view(x.shape());
           if (needs[1]) dweight = multiply(dy, flat_x, true, false);
           if (needs[2]) {
             dbias = Tensor::empty(dy.device(), {weight.size(0)});
             launch(KernelId::column_sum, dy.device(), ColumnSumProblem{rows, weight.size(0)}, {dy, dbias});
           }
           return {dx, dweight, dbias};
         });
  return {y};
}

}  // namespace lapidary::ops
