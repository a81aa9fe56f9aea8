#include "core/capture.h"

#include "core/device.h"

namespace lapidary {

Capture::Capture(Device& device) : device_(device), pool_(std::make_shared<MemoryPool>(device.allocator())) {}

Capture::~Capture() {
  for (auto& [storage, formats] : packed_) {
    for (auto& [format, form] : formats) pool_->release(form.block);
  }
  pool_->close();
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
  device_.stream().enqueue(std::span(tasks_).subspan(first, last - first), profile);
}

}  // namespace lapidary
