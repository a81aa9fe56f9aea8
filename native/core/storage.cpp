#include "core/storage.h"

#include "core/capture.h"
#include "core/device.h"

namespace lapidary {

namespace {

/// That of the capture that is recording, if one is.
std::shared_ptr<MemoryPool> recording_pool(Device& device) {
  const Capture* const recording = call_context().recording;
  if (!recording) return nullptr;
  recording->expect_device(device);
  return recording->pool();
}

}  // namespace

Storage::Storage(Device& device, size_t bytes)
    : device_(device),
      bytes_(bytes),
      pool_(recording_pool(device)),
      block_(pool_ ? pool_->allocate(bytes) : device.allocator().allocate(bytes)),
      health_(std::make_shared<Health>()) {
  static std::atomic<uint64_t> next_id{1};
  id_ = next_id++;
}

Storage::~Storage() {
  if (packed) device_.drop_packed(id_);
  if (pool_)
    pool_->release(block_);
  else
    device_.allocator().release(block_);
}

}  // namespace lapidary
