// The tape: every recorded op leaves a node with its inputs, what it saved, and its backward function.
// Backward walks the nodes on the calling thread in reverse order of recording and enqueues kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "ops/rectifier.h"

namespace lapidary {

/// A tensor kept for backward. Remembers the storage's version; unpacking a changed one throws ERR_STALE.
class SavedTensor {
 public:
  SavedTensor() = default;
  explicit SavedTensor(const Tensor& tensor)
      : tensor_(tensor.detached()), version_(tensor.storage().version()) {}
  /// `op` is the op whose backward asks.
  const Tensor& unpack(const char* op) const;

 private:
  Tensor tensor_;
  uint64_t version_ = 0;
};

/// Where a gradient goes: an output of an earlier node, or a leaf.
struct Edge {
  std::shared_ptr<Node> node;
  int output_index = 0;
  std::shared_ptr<TensorImpl> leaf;
  explicit operator bool() const noexcept { return node || leaf; }
};

/// What the walk would do next to the gradient of an op's first input. An op that can, does it while it
/// stores the gradient.
struct Reception {
  Tensor addend;     ///< gradients of the same tensor from elsewhere, to be added; empty: none came yet
  Tensor rectified;  ///< then the mask of the ReLU that gave this; empty: none, or more gradients are to come
  Rectifier rectifier = Rectifier::None;
  bool done = false;  ///< set by the op that did both
};

/// Which inputs backward must produce gradients for: paths that lead to no requested tensor are never
/// computed.
class NeedsMask {
 public:
  /// `receptions`: one an input; null where none is needed.
  explicit NeedsMask(std::span<Reception* const> receptions)
      : receptions_(receptions.begin(), receptions.end()) {}
  size_t size() const noexcept { return receptions_.size(); }
  bool operator[](size_t input) const { return receptions_[input] != nullptr; }
  Reception* reception(size_t input) const { return receptions_[input]; }

 private:
  std::vector<Reception*> receptions_;
};

/// Gradients for the inputs, in their order; empty Tensors where the mask is false. `saved` are the unpacked
/// tensors; `grads` has one entry an output, empty where no gradient arrived.
using Backward = std::function<std::vector<Tensor>(std::span<const Tensor> saved,
                                                   std::span<const Tensor> grads, const NeedsMask& needs)>;

/// A ReLU at the end of an op of one output. The walk masks the gradient before backward sees it.
struct Rectified {
  size_t saved = 0;  ///< which saved tensor is the output
  Rectifier by = Rectifier::None;
};

struct Node {
  const char* op = "";
  uint64_t sequence = 0;
  std::vector<Edge> inputs;
  std::vector<SavedTensor> saved;
  Backward backward;  ///< empty once the graph has been freed
  int outputs = 1;
  Rectified rectified;
  ~Node();
};

/// Puts an op on the tape when `record` holds and one of the inputs (empty ones are allowed) needs a
/// gradient. `outputs` become the node's outputs.
void record(bool record, const char* op, std::span<const Tensor> inputs, std::span<const Tensor> saved,
            std::span<Tensor> outputs, Backward backward, Rectified rectified = {});
inline void record(bool on, const char* op, std::initializer_list<Tensor> inputs,
                   std::initializer_list<Tensor> saved, Tensor& output, Backward backward,
                   Rectified rectified = {}) {
  record(on, op, std::span(inputs.begin(), inputs.size()), std::span(saved.begin(), saved.size()),
         std::span(&output, 1), std::move(backward), rectified);
}

/// Gradients of y with respect to xs (leaves or recorded tensors); empty where y does not depend on x. `seed`
/// (empty: one, for a y of one element) has y's shape. The graph is freed unless `retain`.
std::vector<Tensor> gradients(const Tensor& y, std::span<const Tensor> xs, const Tensor& seed, bool retain);

/// Adds the gradients of y into every leaf that requires one.
void accumulate_gradients(const Tensor& y, const Tensor& seed, bool retain);

}  // namespace lapidary
