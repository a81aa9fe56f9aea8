// Memory that graphs allocate and free.
#include "call_error.h"
#include "operation.h"

namespace softgpu {

GraphMemory::GraphMemory(DeviceMemory& memory, std::uint64_t bytes) : memory_(memory), bytes_(bytes) {
  const auto address = memory.allocate(bytes);
  if (!address)
    throw CallError(CUDA_ERROR_OUT_OF_MEMORY,
                    std::to_string(bytes) + " bytes for an allocation node of a graph");
  address_ = *address;
}

GraphMemory::~GraphMemory() { memory_.free(address_); }

void GraphMemory::renew(bool live) {
  memory_.undefine(address_, bytes_);
  live_ = live;
}

}  // namespace softgpu
