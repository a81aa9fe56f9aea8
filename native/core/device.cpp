#include "core/device.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cpu/cpu_backend.h"

namespace lapidary {

CallContext& call_context() {
  static thread_local CallContext context;
  return context;
}

Device& Device::cpu() {
  static Device* const device = new Device(cpu::make_cpu_backend());  // leaked on purpose
  return *device;
}

Device::Device(std::unique_ptr<Backend> backend) : backend_(std::move(backend)), allocator_(*backend_) {
  const char* setting = std::getenv("LAPIDARY_VERBOSE");
  verbose = setting && *setting && std::string_view(setting) != "0";
  allocator_.relieve = [this] {
    drop_all_packed();
    stream_.wait();
  };
}

std::shared_ptr<void> Device::stage(const void* host, size_t bytes) {
  const size_t size = (bytes + 4095) / 4096 * 4096;
  void* block = nullptr;
  {
    std::unique_lock lock(staging_mutex_);
    if (staged_ > 0 && staged_ + size > kStagingLimit && verbose) {
      std::fprintf(stderr, "lapidary,wait,staging,%zu bytes waiting\n", staged_);
    }
    staging_room_.wait(lock, [&] { return staged_ == 0 || staged_ + size <= kStagingLimit; });
    staged_ += size;
    const auto found = staging_free_.lower_bound(size);
    if (found != staging_free_.end() && found->first <= 2 * size) {
      block = found->second;
      staging_kept_ -= found->first;
      staging_free_.erase(found);
    }
  }
  if (!block) block = std::aligned_alloc(4096, std::max<size_t>(size, 4096));
  if (!block) fail(ErrorCode::OutOfMemory, "expected %zu bytes of host memory for staging", bytes);
  std::memcpy(block, host, bytes);
  return {block, [this, size](void* staged) {
            {
              std::lock_guard lock(staging_mutex_);
              staged_ -= size;
              if (staging_kept_ + size <= kStagingLimit / 4) {
                staging_free_.emplace(size, staged);
                staging_kept_ += size;
                staged = nullptr;
              }
            }
            std::free(staged);
            staging_room_.notify_all();
          }};
}

void* Device::packed_filter(const Implementation& implementation, std::string_view isa,
                            const std::shared_ptr<const void>& problem, Storage& filter) {
  const size_t bytes = implementation.packed_bytes(problem.get());
  const std::string format = std::string(isa) + ":" + implementation.packed_format;
  auto& formats = packed_[filter.id()];
  filter.packed = true;
  Packed& entry = formats[format];
  const bool current = entry.data && entry.version == filter.version() && entry.bytes == bytes;
  if (current) return entry.data;
  if (entry.data && entry.bytes != bytes) {
    allocator_.count_packed(-static_cast<ptrdiff_t>(entry.bytes));
    allocator_.release(entry.data, entry.bytes);
    entry.data = nullptr;
  }
  if (!entry.data) {
    // May run `relieve`, which drops the cache: look the entry up again afterwards.
    void* data = allocator_.allocate(bytes);
    allocator_.count_packed(static_cast<ptrdiff_t>(bytes));
    filter.packed = true;
    Packed& made = packed_[filter.id()][format];
    made = {0, data, bytes};
    return fill_packed(made, implementation, problem, filter);
  }
  return fill_packed(entry, implementation, problem, filter);
}

void* Device::fill_packed(Packed& entry, const Implementation& implementation,
                          const std::shared_ptr<const void>& problem, Storage& filter) {
  entry.version = filter.version();
  Task task;
  task.name = std::string("pack ") + implementation.packed_format;
  task.inputs = {filter.health()};
  task.environment = call_context().environment;
  task.run = [this, implementation, problem, source = filter.data(), target = entry.data] {
    backend_->pack(implementation, problem.get(), source, target);
  };
  stream_.enqueue(std::move(task));
  return entry.data;
}

void Device::drop_packed(uint64_t storage_id) {
  const auto found = packed_.find(storage_id);
  if (found == packed_.end()) return;
  for (auto& [format, entry] : found->second) {
    if (!entry.data) continue;
    allocator_.count_packed(-static_cast<ptrdiff_t>(entry.bytes));
    allocator_.release(entry.data, entry.bytes);
  }
  packed_.erase(found);
}

void Device::drop_all_packed() {
  while (!packed_.empty()) drop_packed(packed_.begin()->first);
}

}  // namespace lapidary
