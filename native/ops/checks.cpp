#include "ops/ops.h"

namespace lapidary::ops {

void expect_dtype(const OpCall& call, const char* name, const Tensor& tensor, DType dtype) {
  if (tensor.dtype() != dtype) {
    fail(ErrorCode::DType, "[%s] expected %s of dtype %s, got %s", call.row().name, name, dtype_name(dtype),
         describe(tensor).c_str());
  }
}

void expect_rank(const OpCall& call, const char* name, const Tensor& tensor, int rank) {
  if (tensor.rank() != rank) {
    fail(ErrorCode::Shape, "[%s] expected %s of rank %d, got %s", call.row().name, name, rank,
         describe(tensor).c_str());
  }
}

void expect_shape(const OpCall& call, const char* name, const Tensor& tensor, const Dims& shape) {
  if (!(tensor.shape() == shape)) {
    fail(ErrorCode::Shape, "[%s] expected %s of shape %s, got %s", call.row().name, name,
         shape.text().c_str(), describe(tensor).c_str());
  }
}

void expect_mutable(const OpCall& call, const char* name, const Tensor& tensor) {
  if (tensor.impl()->node) {
    fail(ErrorCode::Argument,
         "[%s] %s is a recorded result; only leaves (parameters, buffers, detached tensors) can be "
         "changed in place",
         call.row().name, name);
  }
}

Dims shape_from(const OpCall& call, size_t first) {
  Dims shape;
  for (int32_t extent : call.ints_from(first)) shape.push_back(extent);
  for (int64_t extent : shape) {
    if (extent < 1) {
      fail(ErrorCode::Shape, "[%s] expected every extent to be at least 1, got shape %s", call.row().name,
           shape.text().c_str());
    }
  }
  return shape;
}

}  // namespace lapidary::ops
