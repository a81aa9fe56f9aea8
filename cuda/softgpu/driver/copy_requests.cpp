#include "copy_requests.h"

namespace softgpu {
namespace {

void check_side(const Driver& driver, const CopySide& side, const char* name) {
  if (side.device) return;  // ranges are checked when the copy runs
  if (side.address == 0)
    throw CallError(CUDA_ERROR_INVALID_VALUE,
                    std::string("expected a host pointer for ") + name + ", got NULL");
  if (driver.device->memory.contains(side.address))
    throw CallError(CUDA_ERROR_INVALID_VALUE,
                    std::string("expected a host pointer for ") + name +
                        ", got a device pointer: " + driver.device->memory.describe(side.address));
}

CopySide side_of(const Driver& driver, CUmemorytype type, const void* host, CUdeviceptr device) {
  switch (type) {
    case CU_MEMORYTYPE_HOST:
      return on_host(host);
    case CU_MEMORYTYPE_DEVICE:
      return on_device(device);
    case CU_MEMORYTYPE_UNIFIED:
      return anywhere(driver, device);
    case CU_MEMORYTYPE_ARRAY:
      throw CallError(CUDA_ERROR_NOT_SUPPORTED, "softgpu has no CUDA arrays");
  }
  throw CallError(CUDA_ERROR_INVALID_VALUE, "expected a memory type: 1 host, 2 device, 4 unified");
}

void place(CopySide& side, std::uint64_t x, std::uint64_t y, std::uint64_t z, std::uint64_t pitch,
           std::uint64_t rows, const CopyOperation& copy) {
  if (copy.height > 1 || copy.depth > 1) require(pitch >= x + copy.width, "the pitch is smaller than a row");
  if (copy.depth > 1) require(rows >= y + copy.height, "a slice has fewer rows than are copied");
  side.pitch = pitch;
  side.slice = pitch * rows;
  side.address += x + y * side.pitch + z * side.slice;
}

}  // namespace

CopyOperation make_copy(const Driver& driver, const CopySide& to, const CopySide& from, std::uint64_t bytes) {
  CopyOperation copy{to, from, bytes};
  if (bytes == 0) return copy;
  check_side(driver, to, "the destination");
  check_side(driver, from, "the source");
  return copy;
}

CopyOperation make_copy(const Driver& driver, const CUDA_MEMCPY2D& request) {
  CopyOperation copy{side_of(driver, request.dstMemoryType, request.dstHost, request.dstDevice),
                     side_of(driver, request.srcMemoryType, request.srcHost, request.srcDevice),
                     request.WidthInBytes, request.Height};
  if (copy.bytes() == 0) return copy;
  check_side(driver, copy.to, "the destination");
  check_side(driver, copy.from, "the source");
  place(copy.to, request.dstXInBytes, request.dstY, 0, request.dstPitch, 0, copy);
  place(copy.from, request.srcXInBytes, request.srcY, 0, request.srcPitch, 0, copy);
  return copy;
}

CopyOperation make_copy(const Driver& driver, const CUDA_MEMCPY3D& request) {
  CopyOperation copy{side_of(driver, request.dstMemoryType, request.dstHost, request.dstDevice),
                     side_of(driver, request.srcMemoryType, request.srcHost, request.srcDevice),
                     request.WidthInBytes, request.Height, request.Depth};
  require(request.srcLOD == 0 && request.dstLOD == 0, "levels of detail must be 0");
  if (copy.bytes() == 0) return copy;
  check_side(driver, copy.to, "the destination");
  check_side(driver, copy.from, "the source");
  place(copy.to, request.dstXInBytes, request.dstY, request.dstZ, request.dstPitch, request.dstHeight, copy);
  place(copy.from, request.srcXInBytes, request.srcY, request.srcZ, request.srcPitch, request.srcHeight,
        copy);
  return copy;
}

FillOperation make_fill(DeviceAddress to, std::uint64_t pitch, std::uint32_t value,
                        std::uint32_t element_bytes, std::uint64_t width, std::uint64_t height) {
  require(element_bytes == 1 || element_bytes == 2 || element_bytes == 4, "elements have 1, 2 or 4 bytes");
  require(to % element_bytes == 0, "the destination is not aligned to its elements");
  require(width < (std::uint64_t{1} << 48), "no such extent");
  if (height > 1) {
    require(pitch % element_bytes == 0, "the pitch is not a multiple of the elements' size");
    require(pitch / element_bytes >= width, "the pitch is smaller than a row");
  }
  return {to, pitch, value, element_bytes, width, height};
}

}  // namespace softgpu
