#include "ops/launch.h"

#include <chrono>
#include <cstdio>

namespace lapidary {

Choice choose(KernelId id, Device& device, const void* problem) {
  const CallContext& call = call_context();
  const KernelTable* table = device.backend().kernels(call.forced_isa);
  if (!table)
    fail(ErrorCode::Unsupported, "instruction set %s is not available here", call.forced_isa.c_str());
  std::string reasons;
  for (const Implementation& candidate : (*table)[static_cast<size_t>(id)]) {
    if (!call.forced_implementation.empty() && call.forced_implementation != candidate.name) continue;
    const std::string refusal = candidate.supports(problem);
    if (refusal.empty()) {
      return {call.forced_isa.empty() ? std::string_view(device.backend().isa())
                                      : std::string_view(call.forced_isa),
              &candidate};
    }
    reasons += std::string(reasons.empty() ? "" : "; ") + candidate.name + ": " + refusal;
  }
  // A forced name that this kernel does not have leaves the kernel to its ordinary choice.
  if (reasons.empty() && !call.forced_implementation.empty()) {
    for (const Implementation& candidate : (*table)[static_cast<size_t>(id)]) {
      if (candidate.supports(problem).empty()) {
        return {call.forced_isa.empty() ? std::string_view(device.backend().isa())
                                        : std::string_view(call.forced_isa),
                &candidate};
      }
    }
  }
  const KernelInfo& info = kernel_info(id);
  fail(ErrorCode::Unsupported, "no implementation of %s on %s takes %s (%s)", info.name,
       device.backend().name(), info.text(problem).c_str(), reasons.c_str());
}

void launch(KernelId id, Device& device, const std::shared_ptr<const void>& problem,
            std::span<const Slot> slots) {
  const KernelInfo& info = kernel_info(id);
  const Operands operands = info.operands(problem.get());
  if (operands.size() != slots.size()) {
    fail(ErrorCode::Internal, "%s takes %zu operands, got %zu", info.name, operands.size(), slots.size());
  }
  const Choice choice = choose(id, device, problem.get());
  const Implementation& implementation = *choice.implementation;

  Task task;
  task.environment = call_context().environment;
  std::vector<void*> pointers(operands.size(), nullptr);
  for (size_t index = 0; index < operands.size(); ++index) {
    const Operand& operand = operands[index];
    if (operand.count == 0) continue;
    Storage* storage = slots[index].storage;
    if (!storage) fail(ErrorCode::Internal, "%s: operand %s is missing", info.name, operand.name);
    if (storage->bytes() < static_cast<size_t>(operand.count) * dtype_size(operand.dtype)) {
      fail(ErrorCode::Internal, "%s: operand %s needs %lld elements, its storage has %zu bytes (%s)",
           info.name, operand.name, static_cast<long long>(operand.count), storage->bytes(),
           info.text(problem.get()).c_str());
    }
    if (&storage->device() != &device)
      fail(ErrorCode::Device, "%s: operand %s is on another device", info.name, operand.name);
    pointers[index] = storage->data();
    if (operand.role != Role::Out) task.inputs.push_back(storage->health());
    if (operand.role != Role::In)
      (slots[index].existing ? task.changed : task.outputs).push_back(storage->health());
  }

  // Workspace and packed filters are released at once: a later task may reuse them, in stream order.
  const size_t workspace_bytes = implementation.workspace ? implementation.workspace(problem.get()) : 0;
  std::unique_ptr<Storage> workspace;
  if (workspace_bytes) workspace = std::make_unique<Storage>(device, workspace_bytes);
  const void* packed = nullptr;
  if (implementation.packed_bytes) {
    const Device::PackedFilter filter =
        device.packed_filter(implementation, choice.isa, problem,
                             *slots[static_cast<size_t>(implementation.packed_operand)].storage);
    packed = filter.data;
    task.inputs.push_back(filter.health);
  }

  const auto label = [name = info.name, text = info.text, problem] {
    return std::string(name) + " " + text(problem.get());
  };
  task.describe = label;
  task.call_site = call_context().call_site;
  task.run = [&device, implementation, problem, pointers = std::move(pointers), label,
              isa = std::string(choice.isa), environment = task.environment,
              scratch = workspace ? workspace->data() : nullptr, packed] {
    const auto start = std::chrono::steady_clock::now();
    device.backend().run(implementation, problem.get(), pointers.data(), scratch, packed,
                         device.step_block(environment));
    if (device.verbose) {
      const double ms =
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
      std::fprintf(stderr, "lapidary,exec,%s,%s:%s,%s,%.4f\n", device.backend().name(), isa.c_str(),
                   implementation.name, label().c_str(), ms);
    }
  };
  device.stream().enqueue(std::move(task));
}

}  // namespace lapidary
