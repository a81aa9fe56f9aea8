// Tensor: a dense array on a device, with its place on the tape. A Tensor value is a reference; copies share
// everything.
#pragma once

#include <memory>
#include <vector>

#include "core/device.h"
#include "core/dims.h"
#include "core/dtype.h"
#include "core/storage.h"

namespace lapidary {

class Tensor;
struct Node;

/// A normalisation that has not been applied yet: the tensor's value is act(raw * scale[c] + shift[c]), where
/// raw is what its storage holds. The next convolution applies it as a prologue, a residual sum while it
/// reads.
struct Normalization;

struct TensorImpl {
  std::shared_ptr<Storage> storage;
  Dims shape;
  DType dtype = DType::F32;
  bool requires_grad = false;  ///< a leaf that gradients are wanted for
  std::shared_ptr<Node> node;  ///< what computed it, when recorded
  int output_index = 0;
  std::shared_ptr<TensorImpl> grad;  ///< of a leaf
  std::shared_ptr<const Normalization> pending;
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}

  /// Uninitialised memory. Throws ERR_SHAPE for an empty tensor, ERR_OUT_OF_MEMORY.
  static Tensor empty(Device& device, const Dims& shape, DType dtype = DType::F32);
  Tensor empty_like() const { return empty(device(), shape(), dtype()); }

  explicit operator bool() const noexcept { return impl_ != nullptr; }
  const std::shared_ptr<TensorImpl>& impl() const noexcept { return impl_; }
  const Dims& shape() const noexcept { return impl_->shape; }
  int rank() const noexcept { return impl_->shape.rank(); }
  int64_t size(int axis) const noexcept { return impl_->shape[axis]; }
  int64_t count() const noexcept { return impl_->shape.count(); }
  DType dtype() const noexcept { return impl_->dtype; }
  Storage& storage() const noexcept { return *impl_->storage; }
  Device& device() const noexcept { return impl_->storage->device(); }
  const Normalization* pending() const noexcept { return impl_->pending.get(); }

  /// On the way to a leaf that wants a gradient.
  bool needs_grad() const noexcept { return impl_->requires_grad || impl_->node; }

  /// The same storage under another shape, off the tape.
  Tensor view(const Dims& shape) const;
  /// The same value off the tape.
  Tensor detached() const;

 private:
  std::shared_ptr<TensorImpl> impl_;
};

struct Normalization {
  Tensor scale, shift;
  bool relu;
};

/// "f32[2, 3]"
std::string describe(const Tensor& tensor);

}  // namespace lapidary
