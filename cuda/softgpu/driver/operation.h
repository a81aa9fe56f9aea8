// The pieces of work a stream or a graph consists of, checked and ready to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>

#include "../machine/launch.h"
#include "../memory/device_memory.h"
#include "cuda_api.h"

namespace softgpu {

struct FunctionObject;

/// One side of a copy: rows of `pitch` bytes, slices of `slice` bytes, on the host or on the device.
struct CopySide {
  bool device = false;
  DeviceAddress address = 0;  ///< of a device, or the host pointer's number
  std::uint64_t pitch = 0, slice = 0;
  std::byte* host() const { return reinterpret_cast<std::byte*>(address); }
  std::uint64_t offset(std::uint64_t y, std::uint64_t z) const { return y * pitch + z * slice; }
};

/// Copies depth x height rows of `width` bytes.
struct CopyOperation {
  CopySide to, from;
  std::uint64_t width = 0, height = 1, depth = 1;
  std::uint64_t bytes() const { return width * height * depth; }
};

/// Sets `height` rows of `width` elements.
struct FillOperation {
  DeviceAddress to = 0;
  std::uint64_t pitch = 0;
  std::uint32_t value = 0, element_bytes = 1;
  std::uint64_t width = 0, height = 1;
};

struct KernelOperation {
  std::shared_ptr<FunctionObject> function;
  Launch launch;
};

struct HostOperation {
  CUhostFn function = nullptr;
  void* data = nullptr;
};

struct EmptyOperation {};

/// Memory of a graph's allocation node. Its address is fixed when the node is made; between the node and the
/// one that frees it the memory is live, outside it holds nothing. It goes with the last graph that knows it.
class GraphMemory {
 public:
  /// Throws CallError 2.
  GraphMemory(DeviceMemory& memory, std::uint64_t bytes);
  ~GraphMemory();
  GraphMemory(const GraphMemory&) = delete;
  GraphMemory& operator=(const GraphMemory&) = delete;
  DeviceAddress address() const { return address_; }
  std::uint64_t bytes() const { return bytes_; }
  /// Nobody has written it yet; `live` from here on or no longer.
  void renew(bool live);
  bool live() const { return live_; }

 private:
  DeviceMemory& memory_;
  DeviceAddress address_;
  std::uint64_t bytes_;
  bool live_ = false;
};

struct AllocationOperation {
  std::shared_ptr<GraphMemory> memory;
};

struct FreeOperation {
  std::shared_ptr<GraphMemory> memory;
};

using Operation = std::variant<EmptyOperation, KernelOperation, CopyOperation, FillOperation, HostOperation,
                               AllocationOperation, FreeOperation>;

}  // namespace softgpu
