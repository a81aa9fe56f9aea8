#include "ops/ops.h"

namespace lapidary::ops {
namespace {

/// One run of neighbouring axes: x seen as [outer, extent, inner] becomes [outer, inner].
Tensor reduce_run(bool on, const Tensor& x, Reduction kind, const ReduceProblem& problem, const Dims& shape) {
  Tensor y = Tensor::empty(x.device(), shape, kind == Reduction::ArgMax ? DType::I32 : DType::F32);
  const bool arg = kind == Reduction::ArgMax;
  launch(KernelId::reduce_forward, x.device(), problem, {x, arg ? Slot() : Slot(y), arg ? Slot(y) : Slot()});
  if (arg) return y;
  const bool extreme = kind == Reduction::Max || kind == Reduction::Min;
  record(
      on, "reduce", {x}, {extreme ? x : Tensor(), extreme ? y : Tensor()}, y,
      [problem, extreme, x_shape = x.shape()](std::span<const Tensor> saved, std::span<const Tensor> grads,
                                              const NeedsMask&) -> Outputs {
        Tensor dx = Tensor::empty(grads[0].device(), x_shape);
        if (extreme) {
          launch(KernelId::reduce_extreme_backward, dx.device(), problem, {saved[0], saved[1], grads[0], dx});
          return {dx};
        }
        const Tensor scaled =
            problem.kind == Reduction::Mean
                ? apply_unary(Unary::Affine, grads[0], 1.0f / static_cast<float>(problem.extent))
                : grads[0];
        StridedCopyProblem copy;
        copy.dims = {problem.outer, problem.extent, problem.inner};
        copy.x_strides = {problem.inner, 0, 1};
        copy.y_strides = copy.dims.dense_strides();
        copy.x_count = problem.outer * problem.inner;
        copy.y_count = dx.count();
        launch(KernelId::strided_copy, dx.device(), copy, {scaled, dx});
        return {dx};
      });
  return y;
}

/// max or min over several runs of axes: dy is divided evenly among all ties of a window.
void record_extreme(bool on, const Tensor& x, Tensor& y) {
  record(on, "reduce", {x}, {x, y}, y,
         [](std::span<const Tensor> saved, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
           const Tensor ties = apply_binary(BinaryKind::Equal, saved[0], saved[1]);
           const Tensor share =
               apply_binary(BinaryKind::Divide, grads[0], sum_to_shape(ties, saved[1].shape()));
           return {apply_binary(BinaryKind::Multiply, ties, share)};
         });
}

/// Reduces the marked axes, last run first; the result keeps them with extent 1.
Tensor reduce_marked(bool on, Tensor x, Reduction kind, const std::array<bool, Dims::kMaxRank>& marked) {
  for (int last = x.rank() - 1; last >= 0; --last) {
    if (!marked[static_cast<size_t>(last)]) continue;
    int first = last;
    while (first > 0 && marked[static_cast<size_t>(first - 1)]) --first;
    ReduceProblem problem;
    problem.kind = kind;
    Dims shape = x.shape();
    for (int axis = 0; axis < x.rank(); ++axis) {
      if (axis < first)
        problem.outer *= x.size(axis);
      else if (axis > last)
        problem.inner *= x.size(axis);
      else
        problem.extent *= x.size(axis), shape[axis] = 1;
    }
    x = reduce_run(on, x, kind, problem, shape);
    last = first;
  }
  return x;
}

}  // namespace

Tensor sum_to_shape(const Tensor& gradient, const Dims& shape) {
  if (gradient.shape() == shape) return gradient;
  std::array<bool, Dims::kMaxRank> marked{};
  const int offset = gradient.rank() - shape.rank();
  for (int axis = 0; axis < gradient.rank(); ++axis) {
    marked[static_cast<size_t>(axis)] =
        axis < offset || (shape[axis - offset] == 1 && gradient.size(axis) != 1);
  }
  return reduce_marked(false, gradient, Reduction::Sum, marked).view(shape);
}

Outputs reduce(OpCall& call) {
  const auto kind = call.kind<Reduction>(0);
  const bool keep = call.flag(1);
  const Tensor& x = call.input(0);
  expect_dtype(call, "x", x, DType::F32);
  if (x.rank() == 0 && call.ints_from(2).empty()) {
    ReduceProblem one;
    one.kind = kind;
    return {reduce_run(call.record(), x, kind, one, {})};
  }
  std::array<bool, Dims::kMaxRank> marked{};
  const auto axes = call.ints_from(2);
  for (int32_t axis : axes) {
    const int place = axis < 0 ? axis + x.rank() : axis;
    if (place < 0 || place >= x.rank() || marked[static_cast<size_t>(place)]) {
      fail(ErrorCode::Argument, "[reduce] expected distinct axes of %s, got %d", describe(x).c_str(), axis);
    }
    marked[static_cast<size_t>(place)] = true;
  }
  if (axes.empty()) marked.fill(true);
  int runs = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    runs += marked[static_cast<size_t>(axis)] && (axis == 0 || !marked[static_cast<size_t>(axis - 1)]);
  }
  if (kind == Reduction::ArgMax && runs != 1) {
    fail(ErrorCode::Argument, "[reduce] argmax expects one run of neighbouring axes, got %d of %s", runs,
         describe(x).c_str());
  }
  const bool extreme = kind == Reduction::Max || kind == Reduction::Min;
  const bool one_node = extreme && runs > 1;  // ties share the gradient over all axes at once
  Tensor y = reduce_marked(call.record() && !one_node, x, kind, marked);
  if (one_node) record_extreme(call.record(), x, y);
  if (y.impl() == x.impl()) {  // nothing to reduce: the result must not be the input itself
    y = copy_of(x);
    record(call.record(), "reduce", {x}, {}, y,
           [](std::span<const Tensor>, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
             return {grads[0]};
           });
  }
  if (keep) return {y};
  Dims shape;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!marked[static_cast<size_t>(axis)]) shape.push_back(x.size(axis));
  }
  Tensor result = y.view(shape);
  record(call.record(), "reduce", {y}, {}, result,
         [kept = y.shape()](std::span<const Tensor>, std::span<const Tensor> grads,
                            const NeedsMask&) -> Outputs { return {grads[0].view(kept)}; });
  return {result};
}

}  // namespace lapidary::ops
