#include "core/tensor.h"

namespace lapidary {

Tensor Tensor::empty(Device& device, const Dims& shape, DType dtype) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent < 1)
      fail(ErrorCode::Shape, "expected every extent to be at least 1, got shape %s", shape.text().c_str());
    if (__builtin_mul_overflow(count, extent, &count) || count > (int64_t{1} << 44)) {
      fail(ErrorCode::OutOfMemory, "a tensor of shape %s does not fit in memory", shape.text().c_str());
    }
  }
  auto impl = std::make_shared<TensorImpl>();
  impl->storage = std::make_shared<Storage>(device, static_cast<size_t>(count) * dtype_size(dtype));
  impl->shape = shape;
  impl->dtype = dtype;
  return Tensor(std::move(impl));
}

Tensor Tensor::view(const Dims& shape) const {
  auto impl = std::make_shared<TensorImpl>();
  impl->storage = impl_->storage;
  impl->shape = shape;
  impl->dtype = impl_->dtype;
  return Tensor(std::move(impl));
}

Tensor Tensor::detached() const {
  Tensor copy = view(impl_->shape);
  copy.impl_->pending = impl_->pending;
  return copy;
}

std::string describe(const Tensor& tensor) { return dtype_name(tensor.dtype()) + tensor.shape().text(); }

}  // namespace lapidary
