// Device memory, page-locked host memory, pools, and what a pointer is.
#include "entry.h"
#include "range_checks.h"

using namespace softgpu;

namespace {

CUdeviceptr allocate(Driver& driver, Context& context, std::size_t bytes) {
  require(bytes > 0, "expected at least one byte");
  const auto address = driver.device->memory.allocate(bytes);
  if (!address)
    throw CallError(CUDA_ERROR_OUT_OF_MEMORY, std::to_string(bytes) +
                                                  " bytes: " + std::to_string(driver.device->memory.used()) +
                                                  " of " + std::to_string(driver.device->memory.capacity()) +
                                                  " are in use (SOFTGPU_MEMORY sets the size)");
  context.allocations.insert(*address);
  return *address;
}

/// Live memory that a graph has allocated at an address; nullptr if there is none.
std::shared_ptr<GraphMemory> graph_memory(const Context& context, CUdeviceptr address) {
  const auto known = context.graph_memory.find(address);
  return known == context.graph_memory.end() ? nullptr : known->second.lock();
}

/// Frees an allocation of the context. What was freed before, or never allocated, is a `bounds` finding.
void free_memory(Driver& driver, Context& context, CUdeviceptr address) {
  DeviceMemory& memory = driver.device->memory;
  if (const auto of_graph = graph_memory(context, address)) {
    of_graph->renew(false);
    return;
  }
  if (context.allocations.erase(address) == 0) {
    driver.report(
        Check::bounds, Severity::error, CUDA_ERROR_INVALID_VALUE,
        "free of what is not the start of an allocation of this context: " + memory.describe(address));
    throw CallError(CUDA_ERROR_INVALID_VALUE);
  }
  driver.device->matrices.forget(address, memory.find(address, 0)->bytes);
  memory.free(address);
}

void* allocate_host(Driver& driver, std::size_t bytes, unsigned flags) {
  driver.forbid_during_capture();
  require(bytes > 0, "expected at least one byte");
  return driver.host_memory.allocate(bytes, flags);
}

void allocate_async(Driver& driver, const std::shared_ptr<Context>& context, CUdeviceptr* address,
                    std::size_t bytes, CUstream handle) {
  give(address, 0, "the address");
  const std::shared_ptr<Stream> stream = driver.stream(handle, context);
  driver.forbid_implicit_dependency(*stream);
  if (stream->capture != nullptr) {
    require(bytes > 0, "expected at least one byte");
    const auto memory = std::make_shared<GraphMemory>(driver.device->memory, bytes);
    driver.capture_operation(*stream, AllocationOperation{memory});
    std::erase_if(context->graph_memory, [](const auto& known) { return known.second.expired(); });
    context->graph_memory[memory->address()] = memory;
    *address = memory->address();
    return;
  }
  *address = allocate(driver, *context, bytes);
}

std::uint64_t pool_attribute(const Driver& driver, const Pool& pool, CUmemPool_attribute attribute) {
  switch (attribute) {
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      return driver.device->memory.used();
    default:
      break;
  }
  const auto set = pool.attributes.find(attribute);
  if (set != pool.attributes.end()) return set->second;
  return attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD ? 0 : 1;  // the three reuse policies are on
}

void check_pool_attribute(CUmemPool_attribute attribute) {
  require(attribute >= 1 && attribute <= CU_MEMPOOL_ATTR_USED_MEM_HIGH, "unknown pool attribute");
}

/// The policies (1 to 3) are int, the sizes 64-bit.
bool is_policy(CUmemPool_attribute attribute) { return attribute < CU_MEMPOOL_ATTR_RELEASE_THRESHOLD; }

void pointer_attribute(Driver& driver, Context& context, void* value, CUpointer_attribute attribute,
                       CUdeviceptr pointer) {
  require(value != nullptr, "expected a pointer for the value, got NULL");
  const Allocation* allocation = driver.device->memory.find(pointer, 1);
  const auto host = driver.host_memory.find(reinterpret_cast<const void*>(pointer), 1);
  if (allocation == nullptr && !host)
    throw CallError(CUDA_ERROR_INVALID_VALUE,
                    "the pointer is neither in device memory nor in page-locked host memory");
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      *static_cast<CUcontext*>(value) = context.handle;
      return;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      *static_cast<unsigned*>(value) = allocation != nullptr ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
      return;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      if (allocation == nullptr)
        throw CallError(CUDA_ERROR_INVALID_VALUE, "softgpu does not map host memory into the device");
      *static_cast<CUdeviceptr*>(value) = pointer;
      return;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (!host) throw CallError(CUDA_ERROR_INVALID_VALUE, "the pointer is in device memory");
      *static_cast<void**>(value) = reinterpret_cast<void*>(pointer);
      return;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
      *static_cast<unsigned long long*>(value) = allocation != nullptr ? allocation->number : host->base;
      return;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      *static_cast<int*>(value) = 0;
      return;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      *static_cast<int*>(value) = 0;
      return;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      *static_cast<CUdeviceptr*>(value) = allocation != nullptr ? allocation->base : host->base;
      return;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      *static_cast<std::size_t*>(value) = allocation != nullptr ? allocation->bytes : host->bytes;
      return;
    case CU_POINTER_ATTRIBUTE_MAPPED:
      *static_cast<int*>(value) = allocation != nullptr ? 1 : 0;
      return;
  }
  throw CallError(CUDA_ERROR_NOT_SUPPORTED, "pointer attribute " + std::to_string(attribute));
}

}  // namespace

CUresult cuMemGetInfo_v2(std::size_t* free, std::size_t* total) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const DeviceMemory& memory = driver.device->memory;
    give(free, memory.capacity() - memory.used(), "the free bytes");
    give(total, memory.capacity(), "the size");
  });
}

CUresult cuMemAlloc_v2(CUdeviceptr* address, std::size_t bytes) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(address, 0, "the address");
    driver.forbid_during_capture();
    *address = allocate(driver, *context, bytes);
  });
}

CUresult cuMemAllocPitch_v2(CUdeviceptr* address, std::size_t* pitch, std::size_t width, std::size_t height,
                            unsigned element_bytes) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    constexpr std::size_t kPitch = 512;
    give(address, 0, "the address");
    driver.forbid_during_capture();
    require(element_bytes == 4 || element_bytes == 8 || element_bytes == 16,
            "elements have 4, 8 or 16 bytes");
    require(width > 0 && height > 0 && width <= (std::size_t{1} << 40) / height, "no such extents");
    const std::size_t row = (width + kPitch - 1) / kPitch * kPitch;
    give(pitch, row, "the pitch");
    *address = allocate(driver, *context, row * height);
  });
}

CUresult cuMemFree_v2(CUdeviceptr address) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    driver.forbid_during_capture();
    free_memory(driver, *context, address);
  });
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, std::size_t* bytes, CUdeviceptr address) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const Allocation* allocation = driver.device->memory.find(address, 1);
    if (allocation == nullptr)
      throw CallError(CUDA_ERROR_NOT_FOUND, driver.device->memory.describe(address) + " is in no allocation");
    if (base != nullptr) *base = allocation->base;
    if (bytes != nullptr) *bytes = allocation->bytes;
  });
}

CUresult cuMemAllocHost_v2(void** pointer, std::size_t bytes) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(pointer, nullptr, "the pointer");
    *pointer = allocate_host(driver, bytes, 0);
  });
}

CUresult cuMemHostAlloc(void** pointer, std::size_t bytes, unsigned flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    constexpr unsigned kKnown =
        CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
    give(pointer, nullptr, "the pointer");
    require((flags & ~kKnown) == 0, "unknown flags");
    *pointer = allocate_host(driver, bytes, flags);
  });
}

CUresult cuMemFreeHost(void* pointer) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    driver.forbid_during_capture();
    if (const auto range = driver.host_memory.find(pointer, 0))
      driver.in_flight.settle_range(driver, pointer, range->bytes);
    if (!driver.host_memory.free(pointer))
      throw CallError(CUDA_ERROR_INVALID_VALUE, "the pointer is not from cuMemAllocHost or cuMemHostAlloc");
  });
}

CUresult cuMemHostGetFlags(unsigned* flags, void* pointer) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const auto range = driver.host_memory.find(pointer, 0);
    require(range && !range->registered, "the pointer is not from cuMemHostAlloc");
    give(flags, range->flags, "the flags");
  });
}

CUresult cuMemHostRegister_v2(void* pointer, std::size_t bytes, unsigned flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    constexpr unsigned kKnown =
        CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP | CU_MEMHOSTREGISTER_READ_ONLY;
    driver.forbid_during_capture();
    require(pointer != nullptr && bytes > 0, "expected a range of host memory");
    require((flags & ~kKnown) == 0, "unknown flags");
    if (!driver.host_memory.add(pointer, bytes, flags))
      throw CallError(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "part of the range is page-locked already");
  });
}

CUresult cuMemHostUnregister(void* pointer) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    driver.forbid_during_capture();
    if (const auto range = driver.host_memory.find(pointer, 0))
      driver.in_flight.settle_range(driver, pointer, range->bytes);
    if (!driver.host_memory.remove(pointer))
      throw CallError(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "the pointer starts no registered range");
  });
}

CUresult cuMemAllocAsync(CUdeviceptr* address, std::size_t bytes, CUstream stream) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    allocate_async(driver, context, address, bytes, stream);
  });
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr* address, std::size_t bytes, CUmemoryPool pool,
                                 CUstream stream) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    driver.handles.find<Pool>(pool, CUDA_ERROR_INVALID_VALUE);
    allocate_async(driver, context, address, bytes, stream);
  });
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    const std::shared_ptr<Stream> stream = driver.stream(handle, context);
    driver.forbid_implicit_dependency(*stream);
    const auto of_graph = graph_memory(*context, address);
    if (stream->capture != nullptr) {
      require(of_graph != nullptr, "a capture can free only what a graph has allocated");
      driver.capture_operation(*stream, FreeOperation{of_graph});
      return;
    }
    if (context->allocations.contains(address) || of_graph != nullptr) driver.end_use(*stream, address);
    free_memory(driver, *context, address);
  });
}

CUresult cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    const auto pool = driver.handles.find<Pool>(handle, CUDA_ERROR_INVALID_VALUE);
    check_pool_attribute(attribute);
    require(value != nullptr, "expected a pointer to the value, got NULL");
    pool->attributes[attribute] = is_policy(attribute)
                                      ? static_cast<std::uint64_t>(*static_cast<const int*>(value))
                                      : *static_cast<const std::uint64_t*>(value);
  });
}

CUresult cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    const auto pool = driver.handles.find<Pool>(handle, CUDA_ERROR_INVALID_VALUE);
    check_pool_attribute(attribute);
    require(value != nullptr, "expected a pointer for the value, got NULL");
    const std::uint64_t now = pool_attribute(driver, *pool, attribute);
    if (is_policy(attribute)) {
      *static_cast<int*>(value) = static_cast<int>(now);
    } else {
      *static_cast<std::uint64_t*>(value) = now;
    }
  });
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, std::size_t) noexcept {
  return entry_without_context(
      __func__, [&](Driver& driver) { driver.handles.find<Pool>(pool, CUDA_ERROR_INVALID_VALUE); });
}

CUresult cuPointerGetAttribute(void* value, CUpointer_attribute attribute, CUdeviceptr pointer) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    pointer_attribute(driver, *context, value, attribute, pointer);
  });
}

CUresult cuPointerGetAttributes(unsigned count, CUpointer_attribute* attributes, void** values,
                                CUdeviceptr pointer) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    require(attributes != nullptr && values != nullptr, "expected attributes and values, got NULL");
    for (unsigned i = 0; i < count; ++i)
      pointer_attribute(driver, *context, values[i], attributes[i], pointer);
  });
}
