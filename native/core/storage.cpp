#include "core/storage.h"

#include "core/device.h"

namespace lapidary {

Storage::Storage(Device& device, size_t bytes)
    : device_(device),
      bytes_(bytes),
      block_(device.allocator().allocate(bytes)),
      health_(std::make_shared<Health>()) {
  static std::atomic<uint64_t> next_id{1};
  id_ = next_id++;
}

Storage::~Storage() {
  if (packed) device_.drop_packed(id_);
  device_.allocator().release(block_);
}

}  // namespace lapidary
