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

namespace {

/// One run of a kernel: everything that its task needs, at fixed addresses.
struct Work {
  Device& device;
  KernelId id;
  std::shared_ptr<const void> problem;
  Implementation implementation;
  std::string isa;
  EnvironmentId environment;
  std::vector<void*> pointers;
  void* workspace = nullptr;
  const void* packed = nullptr;

  TaskDescription description() const {
    const KernelInfo& info = kernel_info(id);
    TaskDescription described{info.name, info.text(problem.get()), isa + ":" + implementation.name};
    described.flops = info.flops(problem.get());
    for (const Operand& operand : info.operands(problem.get())) described.bytes += operand_traffic(operand);
    return described;
  }

  void run() const {
    const auto start = std::chrono::steady_clock::now();
    device.backend().run(implementation, problem.get(), pointers.data(), workspace, packed,
                         device.step_block(environment));
    if (!device.verbose) return;
    device.backend().synchronize();
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    const TaskDescription described = description();
    std::fprintf(stderr, "lapidary,exec,%s,%s,%s,%.4f\n", device.backend().name(),
                 described.implementation.c_str(), described.text().c_str(), ms);
  }
};

}  // namespace

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
  const auto work = std::make_shared<Work>(Work{
      device, id, problem, *choice.implementation, std::string(choice.isa), call_context().environment, {}});
  work->pointers.resize(operands.size(), nullptr);
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
    work->pointers[index] = storage->data();
    if (operand.role != Role::Out) task.inputs.push_back(storage->health());
    if (operand.role != Role::In)
      (slots[index].existing ? task.changed : task.outputs).push_back(storage->health());
    if (Capture* const recording = call_context().recording)
      recording->touch(*storage, operand.role != Role::In);
  }

  // Workspace and packed filters are released at once: a later task may reuse them, in stream order.
  const size_t workspace_bytes = implementation.workspace ? implementation.workspace(problem.get()) : 0;
  std::unique_ptr<Storage> workspace;
  if (workspace_bytes) workspace = std::make_unique<Storage>(device, workspace_bytes);
  work->workspace = workspace ? workspace->data() : nullptr;
  if (implementation.packed_bytes && implementation.packed_bytes(problem.get()) > 0) {
    const Device::PackedFilter filter =
        device.packed_filter(implementation, choice.isa, problem,
                             *slots[static_cast<size_t>(implementation.packed_operand)].storage);
    work->packed = filter.data;
    task.inputs.push_back(filter.health);
  }

  task.describe = [work] { return work->description(); };
  task.call_site = call_context().call_site;
  task.run = [work] { work->run(); };
  device.submit(std::move(task));
}

}  // namespace lapidary
