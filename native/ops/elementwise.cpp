#include "ops/ops.h"

namespace lapidary::ops {
namespace {

bool differentiable(Unary kind) { return kind != Unary::Sign && kind != Unary::Step; }
bool differentiable(BinaryKind kind) { return kind != BinaryKind::Equal && kind != BinaryKind::Greater; }

/// Strides of `shape` seen as the right-aligned `target`: 0 along broadcast axes.
Dims broadcast_strides(const Dims& shape, const Dims& target) {
  Dims strides = target;
  const Dims dense = shape.dense_strides();
  const int offset = target.rank() - shape.rank();
  for (int axis = 0; axis < target.rank(); ++axis) {
    const bool present = axis >= offset && shape[axis - offset] == target[axis];
    strides[axis] = present && target[axis] > 1 ? dense[axis - offset] : 0;
  }
  return strides;
}

/// Merges neighbouring axes that both inputs step through alike, and drops axes of extent 1: [N, H, W, C] +
/// [C] becomes [N * H * W, C] + [0, 1].
BinaryProblem collapsed(BinaryKind kind, const Dims& dims, const Dims& a, const Dims& b) {
  BinaryProblem problem;
  problem.kind = kind;
  for (int axis = 0; axis < dims.rank(); ++axis) {
    if (dims[axis] == 1) continue;
    const int last = problem.dims.rank() - 1;
    if (last >= 0 && problem.a_strides[last] == a[axis] * dims[axis] &&
        problem.b_strides[last] == b[axis] * dims[axis]) {
      problem.dims[last] *= dims[axis];
      problem.a_strides[last] = a[axis];
      problem.b_strides[last] = b[axis];
    } else {
      problem.dims.push_back(dims[axis]);
      problem.a_strides.push_back(a[axis]);
      problem.b_strides.push_back(b[axis]);
    }
  }
  if (problem.dims.rank() == 0) {
    problem.dims.push_back(1);
    problem.a_strides.push_back(1);
    problem.b_strides.push_back(1);
  }
  return problem;
}

}  // namespace

Dims broadcast_shape(const char* op, const Dims& a, const Dims& b) {
  Dims shape = a.rank() >= b.rank() ? a : b;
  const Dims& shorter = a.rank() >= b.rank() ? b : a;
  const int offset = shape.rank() - shorter.rank();
  for (int axis = 0; axis < shorter.rank(); ++axis) {
    int64_t& extent = shape[axis + offset];
    if (extent == 1)
      extent = shorter[axis];
    else if (shorter[axis] != 1 && shorter[axis] != extent) {
      fail(ErrorCode::Shape, "[%s] expected shapes that broadcast, got %s and %s", op, a.text().c_str(),
           b.text().c_str());
    }
  }
  return shape;
}

Tensor apply_unary(Unary kind, const Tensor& x, float p0, float p1) {
  Tensor y = x.empty_like();
  launch(KernelId::unary_forward, x.device(), UnaryProblem{x.count(), kind, p0, p1}, {x, y});
  return y;
}

Tensor apply_binary(BinaryKind kind, const Tensor& a, const Tensor& b) {
  const Dims shape = broadcast_shape(enum_names(kind)[static_cast<int>(kind)], a.shape(), b.shape());
  Tensor y = Tensor::empty(a.device(), shape);
  launch(KernelId::binary, a.device(),
         collapsed(kind, shape, broadcast_strides(a.shape(), shape), broadcast_strides(b.shape(), shape)),
         {a, b, y});
  return y;
}

Tensor add_gradients(const Tensor& a, const Tensor& b) { return apply_binary(BinaryKind::Add, a, b); }

Tensor rectified_gradient(Rectifier by, const Tensor& output, const Tensor& gradient) {
  const Unary kind = by == Rectifier::Relu6 ? Unary::Relu6 : Unary::Relu;
  Tensor masked = gradient.empty_like();
  launch(KernelId::unary_backward, masked.device(), UnaryProblem{masked.count(), kind},
         {output, gradient, masked});
  return masked;
}

Tensor broadcast_to(const Tensor& x, const Dims& shape) {
  if (x.shape() == shape) return x.detached();
  StridedCopyProblem problem;
  problem.dims = shape;
  problem.x_strides = broadcast_strides(x.shape(), shape);
  problem.y_strides = shape.dense_strides();
  problem.x_count = x.count();
  problem.y_count = shape.count();
  Tensor y = Tensor::empty(x.device(), shape);
  launch(KernelId::strided_copy, x.device(), problem, {x, y});
  return y;
}

Outputs unary(OpCall& call) {
  const auto kind = call.kind<Unary>(0);
  const auto p0 = static_cast<float>(call.scalar(0)), p1 = static_cast<float>(call.scalar(1));
  const Tensor& x = call.input(0);
  expect_dtype(call, "x", x, DType::F32);
  Tensor y = apply_unary(kind, x, p0, p1);
  if (kind == Unary::Relu || kind == Unary::Relu6) {
    record(call.record(), "unary", {x}, {y}, y,
           [](std::span<const Tensor>, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
             return {grads[0]};
           },
           {0, kind == Unary::Relu ? Rectifier::Relu : Rectifier::Relu6});
  } else if (differentiable(kind)) {
    record(call.record(), "unary", {x}, {unary_saves_output(kind) ? y : x}, y,
           [=](std::span<const Tensor> saved, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
             Tensor dx = saved[0].empty_like();
             launch(KernelId::unary_backward, dx.device(), UnaryProblem{dx.count(), kind, p0, p1},
                    {saved[0], grads[0], dx});
             return {dx};
           });
  }
  return {y};
}

Outputs binary(OpCall& call) {
  const auto kind = call.kind<BinaryKind>(0);
  const Tensor &a = call.input(0), &b = call.input(1);
  expect_dtype(call, "a", a, DType::F32);
  expect_dtype(call, "b", b, DType::F32);
  Tensor y = apply_binary(kind, a, b);
  if (!differentiable(kind)) return {y};

  // Products and quotients need their operands; sums only the shapes.
  const bool saves = kind != BinaryKind::Add && kind != BinaryKind::Subtract;
  record(
      call.record(), "binary", {a, b}, {saves ? a : Tensor(), saves ? b : Tensor()}, y,
      [kind, a_shape = a.shape(), b_shape = b.shape()](
          std::span<const Tensor> saved, std::span<const Tensor> grads, const NeedsMask& needs) -> Outputs {
        const Tensor &dy = grads[0], &a = saved[0], &b = saved[1];
        Tensor da, db;
        switch (kind) {
          case BinaryKind::Add:
            if (needs[0]) da = dy;
            if (needs[1]) db = dy;
            break;
          case BinaryKind::Subtract:
            if (needs[0]) da = dy;
            if (needs[1]) db = apply_unary(Unary::Negate, dy);
            break;
          case BinaryKind::Multiply:
            if (needs[0]) da = apply_binary(BinaryKind::Multiply, dy, b);
            if (needs[1]) db = apply_binary(BinaryKind::Multiply, dy, a);
            break;
          case BinaryKind::Divide:
            if (needs[0] || needs[1]) da = apply_binary(BinaryKind::Divide, dy, b);
            if (needs[1]) {  // d(a / b)/db = -(a / b) / b
              db = apply_unary(Unary::Negate, apply_binary(BinaryKind::Multiply, da,
                                                           apply_binary(BinaryKind::Divide, a, b)));
            }
            break;
          case BinaryKind::Maximum:
          case BinaryKind::Minimum: {  // a tie gives half to each, as in PyTorch
            const bool maximum = kind == BinaryKind::Maximum;
            const Tensor tie = apply_unary(Unary::Affine, apply_binary(BinaryKind::Equal, a, b), 0.5f, 0);
            const auto share = [&](const Tensor& mine, const Tensor& other) {
              const Tensor wins =
                  apply_binary(BinaryKind::Greater, maximum ? mine : other, maximum ? other : mine);
              return apply_binary(BinaryKind::Multiply, dy, apply_binary(BinaryKind::Add, wins, tie));
            };
            if (needs[0]) da = share(a, b);
            if (needs[1]) db = share(b, a);
            break;
          }
          case BinaryKind::Equal:
          case BinaryKind::Greater:
            break;
        }
        return {needs[0] ? sum_to_shape(da, a_shape) : Tensor(),
                needs[1] ? sum_to_shape(db, b_shape) : Tensor()};
      });
  return {y};
}

}  // namespace lapidary::ops
