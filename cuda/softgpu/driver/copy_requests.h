// Copies as hosts ask for them, checked and brought into one form.
#pragma once

#include "driver.h"

namespace softgpu {

/// A row of bytes. Throws CallError 1: a NULL or device pointer where the host's is expected, or the reverse.
CopyOperation make_copy(const Driver& driver, const CopySide& to, const CopySide& from, std::uint64_t bytes);
CopyOperation make_copy(const Driver& driver, const CUDA_MEMCPY2D& copy);
CopyOperation make_copy(const Driver& driver, const CUDA_MEMCPY3D& copy);

/// Rows of elements of 1, 2 or 4 bytes. Throws CallError 1.
FillOperation make_fill(DeviceAddress to, std::uint64_t pitch, std::uint32_t value,
                        std::uint32_t element_bytes, std::uint64_t width, std::uint64_t height);

inline CopySide on_device(DeviceAddress address) { return {true, address, 0, 0}; }
inline CopySide on_host(const void* pointer) {
  return {false, reinterpret_cast<std::uint64_t>(pointer), 0, 0};
}
/// Where a unified address lies.
inline CopySide anywhere(const Driver& driver, CUdeviceptr address) {
  return {driver.device->memory.contains(address), address, 0, 0};
}

}  // namespace softgpu
