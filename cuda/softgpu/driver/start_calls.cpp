// cuInit, the device and its attributes.
#include <cstring>

#include "entry.h"

using namespace softgpu;

namespace {

constexpr int kDriverVersion = 13000;
constexpr char kBusId[] = "0000:00:00.0";

void require_device(CUdevice device) {
  if (device != 0) throw CallError(CUDA_ERROR_INVALID_DEVICE, "softgpu has one device, number 0");
}

/// body(Driver&) for a valid device.
template <class Body>
CUresult device_entry(const char* call, CUdevice device, Body body) noexcept {
  return entry_without_context(call, [&](Driver& driver) {
    require_device(device);
    body(driver);
  });
}

int attribute_of(const Architecture& architecture, CUdevice_attribute attribute) {
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
      return static_cast<int>(architecture.max_threads_per_block);
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
      return 64;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
      return 0x7fffffff;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
      return 65535;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
      return static_cast<int>(architecture.shared_per_block);
    case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY:
      return static_cast<int>(architecture.constant_bytes);
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
      return kLanes;
    case CU_DEVICE_ATTRIBUTE_MAX_PITCH:
      return 0x7fffffff;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
      return static_cast<int>(architecture.registers_per_block);
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
      return static_cast<int>(architecture.clock_khz);
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
      return 512;
    case CU_DEVICE_ATTRIBUTE_GPU_OVERLAP:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
    case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
      return 1;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      return static_cast<int>(architecture.multiprocessors);
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
      return static_cast<int>(architecture.memory_clock_khz);
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
      return static_cast<int>(architecture.memory_bus_bits);
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
      return static_cast<int>(architecture.l2_bytes);
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
      return static_cast<int>(architecture.max_threads_per_multiprocessor);
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
      return 2;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      return static_cast<int>(architecture.major);
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      return static_cast<int>(architecture.minor);
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
      return static_cast<int>(architecture.shared_per_multiprocessor);
    case CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO:
      return architecture.number() == 80 || architecture.number() == 90 ? 2
             : architecture.number() == 75                              ? 32
                                                                        : 64;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
      return static_cast<int>(architecture.shared_per_block_optin);
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
      return static_cast<int>(architecture.max_blocks_per_multiprocessor);
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
      return static_cast<int>(architecture.reserved_shared_per_block);
    default:
      break;
  }
  require(attribute > 0 && attribute < CU_DEVICE_ATTRIBUTE_MAX, "unknown device attribute");
  return 0;  // textures, managed memory, peers, clusters and what else softgpu lacks
}

}  // namespace

CUresult cuInit(unsigned flags) noexcept {
  return entry_before_init(__func__, [&](Driver& driver) {
    require(flags == 0, "flags must be 0");
    driver.initialise();
  });
}

CUresult cuDriverGetVersion(int* version) noexcept {
  return entry_before_init(__func__, [&](Driver&) { give(version, kDriverVersion, "the version"); });
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) noexcept {
  return device_entry(__func__, ordinal, [&](Driver&) { give(device, 0, "the device"); });
}

CUresult cuDeviceGetCount(int* count) noexcept {
  return entry_without_context(__func__, [&](Driver&) { give(count, 1, "the count"); });
}

CUresult cuDeviceGetName(char* name, int length, CUdevice device) noexcept {
  return device_entry(__func__, device, [&](Driver& driver) {
    require(name != nullptr && length > 0, "expected room for the name");
    const std::string text = "softgpu " + driver.device->architecture.name;
    std::strncpy(name, text.c_str(), static_cast<std::size_t>(length) - 1);
    name[length - 1] = '\0';
  });
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) noexcept {
  return device_entry(__func__, device, [&](Driver&) {
    require(uuid != nullptr, "expected a pointer for the UUID, got NULL");
    std::memcpy(uuid->bytes, "softgpu device 0", sizeof uuid->bytes);
  });
}

CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) noexcept { return cuDeviceGetUuid(uuid, device); }

CUresult cuDeviceTotalMem_v2(std::size_t* bytes, CUdevice device) noexcept {
  return device_entry(__func__, device,
                      [&](Driver& driver) { give(bytes, driver.device->memory.capacity(), "the size"); });
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) noexcept {
  return device_entry(__func__, device, [&](Driver& driver) {
    give(value, attribute_of(driver.device->architecture, attribute), "the value");
  });
}

CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice device) noexcept {
  return device_entry(__func__, device, [&](Driver& driver) {
    give(major, driver.device->architecture.major, "the major number");
    give(minor, driver.device->architecture.minor, "the minor number");
  });
}

CUresult cuDeviceGetPCIBusId(char* text, int length, CUdevice device) noexcept {
  return device_entry(__func__, device, [&](Driver&) {
    require(text != nullptr && length >= static_cast<int>(sizeof kBusId), "expected room for 13 characters");
    std::memcpy(text, kBusId, sizeof kBusId);
  });
}

CUresult cuDeviceGetByPCIBusId(CUdevice* device, const char* text) noexcept {
  return entry_without_context(__func__, [&](Driver&) {
    require(text != nullptr, "expected a bus id, got NULL");
    if (std::strcmp(text, kBusId) != 0)
      throw CallError(CUDA_ERROR_INVALID_DEVICE, std::string("softgpu's only device has bus id ") + kBusId);
    give(device, 0, "the device");
  });
}

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice device) noexcept {
  return device_entry(__func__, device, [&](Driver& driver) { give(pool, driver.pool, "the pool"); });
}

CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice device) noexcept {
  return device_entry(__func__, device, [&](Driver& driver) { give(pool, driver.pool, "the pool"); });
}

CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool) noexcept {
  return device_entry(__func__, device,
                      [&](Driver& driver) { driver.handles.find<Pool>(pool, CUDA_ERROR_INVALID_VALUE); });
}

CUresult cuProfilerStart() noexcept {
  return entry(__func__, [](Driver&, std::shared_ptr<Context>&) {});
}

CUresult cuProfilerStop() noexcept {
  return entry(__func__, [](Driver&, std::shared_ptr<Context>&) {});
}
