#include "ops/launch.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace lapidary {

namespace {

struct Use {
  const Implementation* implementation;  // of a kernel table, which lives as long as the process
  std::string name;
};

/// By kernel; one or two entries each. Written at enqueue, so under the enqueue lock.
std::array<std::vector<Use>, kKernelCount>& uses() {
  static auto& all = *new std::array<std::vector<Use>, kKernelCount>;  // leaked: launches may outlive statics
  return all;
}

void note_use(KernelId id, const Choice& choice) {
  std::vector<Use>& known = uses()[static_cast<size_t>(id)];
  for (const Use& use : known) {
    if (use.implementation == choice.implementation) return;
  }
  known.push_back({choice.implementation, std::string(kernel_info(id).name) + " " + std::string(choice.isa) +
                                              ":" + choice.implementation->name});
}

}  // namespace

std::vector<std::string> used_implementations() {
  std::vector<std::string> names;
  for (const std::vector<Use>& known : uses()) {
    const size_t first = names.size();
    for (const Use& use : known) names.push_back(use.name);
    std::sort(names.begin() + static_cast<ptrdiff_t>(first), names.end());
  }
  return names;
}

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
  note_use(id, choice);
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
