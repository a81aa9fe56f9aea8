#include "ops/ops.h"

namespace lapidary::ops {
namespace {

int64_t element_bytes(const Tensor& x) { return static_cast<int64_t>(dtype_size(x.dtype())); }

/// Copies a box of extents `dims` from x at `x_origin` to y at `y_origin`. `partial`: y keeps what lies
/// outside.
void copy_box(const Tensor& x, const Dims& x_origin, const Tensor& y, const Dims& y_origin, const Dims& dims,
              bool partial) {
  StridedCopyProblem problem;
  problem.dims = dims;
  problem.x_strides = x.shape().dense_strides();
  problem.y_strides = y.shape().dense_strides();
  for (int axis = 0; axis < dims.rank(); ++axis) {
    problem.x_offset += x_origin[axis] * problem.x_strides[axis];
    problem.y_offset += y_origin[axis] * problem.y_strides[axis];
  }
  problem.x_count = x.count();
  problem.y_count = y.count();
  problem.partial = partial;
  problem.bytes = element_bytes(x);
  launch(KernelId::strided_copy, x.device(), problem, {x, y});
}

Dims origin(int rank) {
  Dims zeros;
  for (int axis = 0; axis < rank; ++axis) zeros.push_back(0);
  return zeros;
}

Tensor slice_of(const Tensor& x, int axis, int64_t start, int64_t length) {
  Dims shape = x.shape(), from = origin(x.rank());
  shape[axis] = length;
  from[axis] = start;
  Tensor y = Tensor::empty(x.device(), shape, x.dtype());
  copy_box(x, from, y, origin(x.rank()), shape, false);
  return y;
}

/// x inside a larger tensor of zeros (or `value`).
Tensor embedded(const Tensor& x, const Dims& shape, const Dims& at, float value) {
  Tensor y = constant(x.device(), shape, value);
  copy_box(x, origin(x.rank()), y, at, x.shape(), true);
  return y;
}

Tensor permuted(const Tensor& x, const std::vector<int>& permutation) {
  const Dims strides = x.shape().dense_strides();
  Dims shape, x_strides;
  for (int axis : permutation) {
    shape.push_back(x.size(axis));
    x_strides.push_back(strides[axis]);
  }
  StridedCopyProblem problem;
  problem.dims = shape;
  problem.x_strides = x_strides;
  problem.y_strides = shape.dense_strides();
  problem.x_count = problem.y_count = x.count();
  problem.bytes = element_bytes(x);
  Tensor y = Tensor::empty(x.device(), shape, x.dtype());
  launch(KernelId::strided_copy, x.device(), problem, {x, y});
  return y;
}

int checked_axis(const OpCall& call, const Tensor& x, int32_t axis) {
  const int place = axis < 0 ? axis + x.rank() : axis;
  if (place < 0 || place >= x.rank()) {
    fail(ErrorCode::Argument, "[%s] expected an axis of %s, got %d", call.row().name, describe(x).c_str(),
         axis);
  }
  return place;
}

}  // namespace

Tensor constant(Device& device, const Dims& shape, float value) {
  Tensor y = Tensor::empty(device, shape);
  launch(KernelId::fill, device, FillProblem{shape.count(), value}, {y});
  return y;
}

Tensor copy_of(const Tensor& x) {
  Tensor y = x.empty_like();
  const Dims flat{x.count()};
  StridedCopyProblem problem;
  problem.dims = flat;
  problem.x_strides = problem.y_strides = {1};
  problem.x_count = problem.y_count = x.count();
  problem.bytes = element_bytes(x);
  launch(KernelId::strided_copy, x.device(), problem, {x, y});
  return y;
}

Outputs full(OpCall& call) {
  return {constant(*call_context().device, shape_from(call, 0), static_cast<float>(call.scalar(0)))};
}

Outputs cast(OpCall& call) {
  const auto to = static_cast<DType>(call.int_in(0, 0, 2));
  const Tensor& x = call.input(0);
  if (to == x.dtype()) return {copy_of(x)};
  CastProblem problem{x.count()};
  if (x.dtype() == DType::U8 && to == DType::F32)
    problem.kind = CastKind::U8ToF32;
  else if (x.dtype() == DType::I32 && to == DType::F32)
    problem.kind = CastKind::I32ToF32;
  else if (x.dtype() == DType::F32 && to == DType::I32)
    problem.kind = CastKind::F32ToI32;
  else {
    fail(ErrorCode::DType, "[cast] expected u8 or i32 to f32, or f32 to i32; got %s to %s",
         describe(x).c_str(), dtype_name(to));
  }
  Tensor y = Tensor::empty(x.device(), x.shape(), to);
  launch(KernelId::cast, x.device(), problem, {x, y});
  return {y};
}

Outputs reshape(OpCall& call) {
  const Tensor& x = call.input(0);
  Dims shape;
  int64_t known = 1;
  int open = -1;
  for (int32_t extent : call.ints_from(0)) {
    if (extent == -1 && open < 0)
      open = shape.rank();
    else if (extent < 1)
      fail(ErrorCode::Shape, "[reshape] expected extents of at least 1 and one -1 at most, got %d", extent);
    else if (__builtin_mul_overflow(known, int64_t{extent}, &known))
      known = -1;
    shape.push_back(extent);
  }
  if (open >= 0 && known > 0 && x.count() % known == 0) shape[open] = x.count() / known, known = x.count();
  if (known != x.count()) {
    fail(ErrorCode::Shape, "[reshape] expected a shape of %lld elements for %s, got %s",
         static_cast<long long>(x.count()), describe(x).c_str(), shape.text().c_str());
  }
  Tensor y = x.view(shape);
  record(call.record(), "reshape", {x}, {}, y,
         [from = x.shape()](std::span<const Tensor>, std::span<const Tensor> grads,
                            const NeedsMask&) -> Outputs { return {grads[0].view(from)}; });
  return {y};
}

Outputs transpose(OpCall& call) {
  const Tensor& x = call.input(0);
  const auto wanted = call.ints_from(0);
  std::vector<int> permutation, inverse(static_cast<size_t>(x.rank()), -1);
  bool valid = static_cast<int>(wanted.size()) == x.rank();
  for (size_t place = 0; valid && place < wanted.size(); ++place) {
    const int axis = wanted[place];
    valid = axis >= 0 && axis < x.rank() && inverse[static_cast<size_t>(axis)] < 0;
    if (valid) inverse[static_cast<size_t>(axis)] = static_cast<int>(place), permutation.push_back(axis);
  }
  if (!valid)
    fail(ErrorCode::Argument, "[transpose] expected a permutation of the %d axes of %s", x.rank(),
         describe(x).c_str());
  Tensor y = permuted(x, permutation);
  record(call.record(), "transpose", {x}, {}, y,
         [inverse](std::span<const Tensor>, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
           return {permuted(grads[0], inverse)};
         });
  return {y};
}

Outputs slice(OpCall& call) {
  const Tensor& x = call.input(0);
  const int axis = checked_axis(call, x, call.int_at(0));
  const int64_t start = call.int_at(1), length = call.int_at(2);
  if (start < 0 || length < 1 || start + length > x.size(axis)) {
    fail(ErrorCode::Shape,
         "[slice] expected a non-empty range inside extent %lld, got start %lld, length %lld",
         static_cast<long long>(x.size(axis)), static_cast<long long>(start), static_cast<long long>(length));
  }
  Tensor y = slice_of(x, axis, start, length);
  record(call.record(), "slice", {x}, {}, y,
         [shape = x.shape(), axis, start](std::span<const Tensor>, std::span<const Tensor> grads,
                                          const NeedsMask&) -> Outputs {
           Dims at = origin(shape.rank());
           at[axis] = start;
           return {embedded(grads[0], shape, at, 0)};
         });
  return {y};
}

Outputs concat(OpCall& call) {
  const auto xs = call.inputs_from(0);
  if (xs.empty()) fail(ErrorCode::Argument, "[concat] expected at least one tensor, got none");
  const int axis = checked_axis(call, xs[0], call.int_at(0));
  Dims shape = xs[0].shape();
  shape[axis] = 0;
  std::vector<int64_t> lengths;
  for (const Tensor& x : xs) {
    Dims other = x.shape();
    bool fits = other.rank() == shape.rank() && x.dtype() == xs[0].dtype();
    for (int each = 0; fits && each < shape.rank(); ++each) fits = each == axis || other[each] == shape[each];
    if (!fits) {
      fail(ErrorCode::Shape, "[concat] expected tensors like %s but for axis %d, got %s",
           describe(xs[0]).c_str(), axis, describe(x).c_str());
    }
    lengths.push_back(other[axis]);
    shape[axis] += other[axis];
  }
  Tensor y = Tensor::empty(xs[0].device(), shape, xs[0].dtype());
  // The first copy takes y as fresh memory: only part of it is written then, the rest by the copies that
  // follow.
  Dims at = origin(shape.rank());
  for (size_t index = 0; index < xs.size(); ++index) {
    copy_box(xs[index], origin(shape.rank()), y, at, xs[index].shape(), xs.size() > 1);
    at[axis] += lengths[index];
  }
  Tensor outputs[] = {y};
  record(call.record(), "concat", xs, {}, outputs,
         [axis, lengths](std::span<const Tensor>, std::span<const Tensor> grads,
                         const NeedsMask& needs) -> Outputs {
           Outputs parts;
           int64_t start = 0;
           for (size_t index = 0; index < lengths.size(); ++index) {
             parts.push_back(needs[index] ? slice_of(grads[0], axis, start, lengths[index]) : Tensor());
             start += lengths[index];
           }
           return parts;
         });
  return {y};
}

Outputs pad(OpCall& call) {
  const Tensor& x = call.input(0);
  expect_dtype(call, "x", x, DType::F32);
  const auto margins = call.ints_from(0);
  if (static_cast<int>(margins.size()) != 2 * x.rank()) {
    fail(ErrorCode::Argument, "[pad] expected before and after for each of %d axes, got %zu numbers",
         x.rank(), margins.size());
  }
  Dims shape = x.shape(), at = origin(x.rank());
  for (int axis = 0; axis < x.rank(); ++axis) {
    const size_t place = 2 * static_cast<size_t>(axis);
    const int32_t before = margins[place], after = margins[place + 1];
    if (before < 0 || after < 0)
      fail(ErrorCode::Argument, "[pad] expected margins of at least 0, got %d and %d", before, after);
    shape[axis] += int64_t{before} + after;
    at[axis] = before;
  }
  Tensor y = embedded(x, shape, at, static_cast<float>(call.scalar(0)));
  record(call.record(), "pad", {x}, {}, y,
         [shape = x.shape(), at](std::span<const Tensor>, std::span<const Tensor> grads,
                                 const NeedsMask&) -> Outputs {
           Tensor dx = Tensor::empty(grads[0].device(), shape);
           copy_box(grads[0], at, dx, origin(shape.rank()), shape, false);
           return {dx};
         });
  return {y};
}

Outputs gather(OpCall& call) {
  const Tensor &x = call.input(0), &index = call.input(1);
  expect_dtype(call, "index", index, DType::I32);
  expect_rank(call, "index", index, 1);
  const int axis = checked_axis(call, x, call.int_at(0));
  GatherProblem problem;
  problem.extent = x.size(axis);
  problem.picks = index.count();
  problem.bytes = element_bytes(x);
  for (int each = 0; each < x.rank(); ++each)
    (each < axis ? problem.outer : problem.inner) *= each == axis ? 1 : x.size(each);
  Dims shape = x.shape();
  shape[axis] = problem.picks;
  Tensor y = Tensor::empty(x.device(), shape, x.dtype());
  launch(KernelId::gather_forward, x.device(), problem, {x, index, y});
  record(call.record(), "gather", {x}, {index}, y,
         [problem, shape = x.shape()](std::span<const Tensor> saved, std::span<const Tensor> grads,
                                      const NeedsMask&) -> Outputs {
           Tensor dx = Tensor::empty(grads[0].device(), shape);
           launch(KernelId::gather_backward, dx.device(), problem, {grads[0], saved[0], dx});
           return {dx};
         });
  return {y};
}

Outputs detach(OpCall& call) { return {call.input_or_normed(0).detached()}; }

Outputs clone(OpCall& call) {
  const Tensor& x = call.input(0);
  Tensor y = copy_of(x);
  record(call.record(), "clone", {x}, {}, y,
         [](std::span<const Tensor>, std::span<const Tensor> grads, const NeedsMask&) -> Outputs {
           return {grads[0]};
         });
  return {y};
}

Outputs assign(OpCall& call) {
  const Tensor &target = call.input(0), &source = call.input(1);
  expect_dtype(call, "source", source, target.dtype());
  expect_shape(call, "source", source, target.shape());
  expect_mutable(call, "target", target);
  if (&target.storage() != &source.storage()) overwrite(target, source);
  return {};
}

void overwrite(const Tensor& target, const Tensor& source) {
  StridedCopyProblem problem;
  problem.dims = {target.count()};
  problem.x_strides = problem.y_strides = {1};
  problem.x_count = problem.y_count = target.count();
  problem.bytes = element_bytes(target);
  launch(KernelId::strided_copy, target.device(), problem, {source, changes(target)});
  target.storage().bump_version("assign");
}

}  // namespace lapidary::ops
