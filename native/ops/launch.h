// From an op to the stream: choose an implementation, pair operands with storages, enqueue one task.
#pragma once

#include <type_traits>

#include "core/tensor.h"

namespace lapidary {

/// The tensor of one operand; empty when the problem does not have it.
struct Slot {
  Storage* storage = nullptr;
  bool existing = false;  ///< see changes()
  Slot() = default;
  Slot(const Tensor& tensor) : storage(tensor ? &tensor.storage() : nullptr) {}  // NOLINT: implicit by intent
  Slot(const Tensor* tensor) : storage(tensor ? &tensor->storage() : nullptr) {}  // NOLINT
  Slot(std::nullptr_t) {}                                                         // NOLINT
};

/// A written operand that lives already (mutating ops): a poisoned input leaves it unchanged and healthy.
inline Slot changes(const Tensor& tensor) {
  Slot slot(tensor);
  slot.existing = true;
  return slot;
}

/// Enqueues kernel `id` on the device of its operands. Throws ERR_UNSUPPORTED when a forced implementation
/// refuses the problem.
void launch(KernelId id, Device& device, const std::shared_ptr<const void>& problem,
            std::span<const Slot> operands);

template <class Problem>
void launch(KernelId id, Device& device, const Problem& problem, std::initializer_list<Slot> operands) {
  launch(id, device, std::make_shared<const Problem>(problem), std::span(operands.begin(), operands.size()));
}
template <class Problem>
void launch(KernelId id, Device& device, const Problem& problem, const std::vector<Slot>& operands) {
  launch(id, device, std::make_shared<const Problem>(problem), std::span<const Slot>(operands));
}

/// The implementation that runs for a problem, under the forced choice of the calling environment.
struct Choice {
  std::string_view isa;
  const Implementation* implementation;
};
Choice choose(KernelId id, Device& device, const void* problem);

/// What `launch` has chosen since the process began, in the order of the kernels: "kernel
/// isa:implementation". Under the enqueue lock.
std::vector<std::string> used_implementations();

}  // namespace lapidary
