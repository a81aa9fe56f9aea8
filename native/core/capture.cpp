#include "core/capture.h"

#include <unordered_set>

#include "core/device.h"

namespace lapidary {

Capture::Capture(Device& device) : device_(device), pool_(std::make_shared<MemoryPool>(device.allocator())) {}

Capture::~Capture() {
  for (auto& [storage, formats] : packed_) {
    for (auto& [format, form] : formats) pool_->release(form.block);
  }
  pool_->close();
}

void Capture::expect_device(Device& device) const {
  if (&device == &device_) return;
  fail(ErrorCode::Capture,
       "expected work on %s, where this capture records, got work on %s; capture each device apart",
       device_.backend().name(), device.backend().name());
}

void Capture::touch(Storage& storage, bool writes) {
  const bool inside = storage.pool() == pool_.get();
  if (!inside) outside_.try_emplace(storage.id(), storage.shared_from_this());
  if (writes) written_.try_emplace(storage.id(), storage.weak_from_this());
}

void Capture::finish() {
  std::erase_if(written_, [](const auto& entry) { return entry.second.expired(); });
}

void Capture::bump_versions() {
  for (const auto& [id, written] : written_) {
    if (const auto storage = written.lock()) storage->bump_version("a replay");
  }
}

void Capture::replay(size_t first, size_t last, const std::shared_ptr<Profile>& profile) {
  if (first == last) return;
  if (!device_.backend().records() || profile || device_.verbose) {
    device_.stream().enqueue(std::span(tasks_).subspan(first, last - first), profile);
    return;
  }
  std::shared_ptr<const Task>& piece = pieces_[{first, last}];
  if (!piece) piece = joined(first, last);
  device_.stream().enqueue(std::span(&piece, 1), nullptr);
}

std::shared_ptr<const Task> Capture::joined(size_t first, size_t last) const {
  auto task = std::make_shared<Task>();
  task->name = "replay of " + std::to_string(last - first) + " tasks";
  task->environment = tasks_[first]->environment;
  task->call_site = tasks_[first]->call_site;
  std::unordered_set<const Health*> known;  // inputs come from outside when nothing before has written them
  for (size_t index = first; index < last; ++index) {
    const Task& each = *tasks_[index];
    for (const auto& input : each.inputs) {
      if (known.insert(input.get()).second) task->inputs.push_back(input);
    }
    for (const auto& output : each.outputs) {
      known.insert(output.get());
      task->outputs.push_back(output);
    }
    for (const auto& target : each.changed) task->changed.push_back(target);
  }
  task->run = [&backend = device_.backend(), work = std::shared_ptr<RecordedWork>(),
               tasks = std::vector(tasks_.begin() + static_cast<ptrdiff_t>(first),
                                   tasks_.begin() + static_cast<ptrdiff_t>(last))]() mutable {
    if (!work) {
      work = backend.record([&] {
        for (const auto& each : tasks) each->run();
      });
    }
    work->run();
  };
  return task;
}

}  // namespace lapidary
