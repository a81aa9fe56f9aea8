// Copies and memsets.
//
// Calls without Async work in the legacy default stream. Those that touch host memory return when they are
// done; copies inside the device and memsets do not wait (CUDA driver API, "API synchronization behavior").
#include "copy_requests.h"
#include "entry.h"

using namespace softgpu;

namespace {

bool touches_host(const CopyOperation& copy) { return !copy.to.device || !copy.from.device; }

/// A copy without Async.
void copy_now(Driver& driver, const std::shared_ptr<Context>& context, const CopyOperation& copy) {
  const std::shared_ptr<Stream> stream = driver.stream(nullptr, context);
  if (copy.bytes() == 0) return;
  if (stream->capture != nullptr) {
    driver.invalidate(*stream->capture);
    throw CallError(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "a synchronous copy in a capturing stream");
  }
  driver.submit(stream, copy);
  if (touches_host(copy)) driver.synchronise(stream);
}

void copy_in_stream(Driver& driver, const std::shared_ptr<Context>& context, const CopyOperation& copy,
                    CUstream handle) {
  const std::shared_ptr<Stream> stream = driver.stream(handle, context);
  if (copy.bytes() == 0) return;
  driver.submit(stream, copy);
  // A copy to pageable memory returns when it is done.
  const bool waits = !copy.to.device && !driver.host_memory.find(copy.to.host(), 0);
  if (waits && stream->capture == nullptr) driver.synchronise(stream);
}

/// Makes the request inside the call and runs it.
template <class Make>
CUresult copy_entry(const char* call, Make make) noexcept {
  return entry(call, [&](Driver& driver, std::shared_ptr<Context>& context) {
    copy_now(driver, context, make(driver));
  });
}

template <class Make>
CUresult copy_entry(const char* call, CUstream stream, Make make) noexcept {
  return entry(call, [&](Driver& driver, std::shared_ptr<Context>& context) {
    copy_in_stream(driver, context, make(driver), stream);
  });
}

template <class Request>
CopyOperation from_request(const Driver& driver, const Request* request) {
  require(request != nullptr, "expected a description of the copy, got NULL");
  return make_copy(driver, *request);
}

CUresult fill_entry(const char* call, CUstream handle, CUdeviceptr to, std::size_t pitch, std::uint32_t value,
                    std::uint32_t element_bytes, std::size_t width, std::size_t height) noexcept {
  return entry(call, [&](Driver& driver, std::shared_ptr<Context>& context) {
    const FillOperation fill = make_fill(to, pitch, value, element_bytes, width, height);
    const std::shared_ptr<Stream> stream = driver.stream(handle, context);
    if (width == 0 || height == 0) return;
    driver.submit(stream, fill);
  });
}

}  // namespace

CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) noexcept {
  return copy_entry(__func__, [&](Driver& driver) {
    return make_copy(driver, anywhere(driver, to), anywhere(driver, from), bytes);
  });
}

CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) noexcept {
  return copy_entry(__func__, stream, [&](Driver& driver) {
    return make_copy(driver, anywhere(driver, to), anywhere(driver, from), bytes);
  });
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, std::size_t bytes) noexcept {
  return copy_entry(__func__,
                    [&](Driver& driver) { return make_copy(driver, on_device(to), on_host(from), bytes); });
}

CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, std::size_t bytes) noexcept {
  return copy_entry(__func__,
                    [&](Driver& driver) { return make_copy(driver, on_host(to), on_device(from), bytes); });
}

CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) noexcept {
  return copy_entry(__func__,
                    [&](Driver& driver) { return make_copy(driver, on_device(to), on_device(from), bytes); });
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream) noexcept {
  return copy_entry(__func__, stream,
                    [&](Driver& driver) { return make_copy(driver, on_device(to), on_host(from), bytes); });
}

CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, std::size_t bytes, CUstream stream) noexcept {
  return copy_entry(__func__, stream,
                    [&](Driver& driver) { return make_copy(driver, on_host(to), on_device(from), bytes); });
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) noexcept {
  return copy_entry(__func__, stream,
                    [&](Driver& driver) { return make_copy(driver, on_device(to), on_device(from), bytes); });
}

CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* copy) noexcept {
  return copy_entry(__func__, [&](Driver& driver) { return from_request(driver, copy); });
}

CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* copy) noexcept {
  return copy_entry(__func__, [&](Driver& driver) { return from_request(driver, copy); });
}

CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* copy, CUstream stream) noexcept {
  return copy_entry(__func__, stream, [&](Driver& driver) { return from_request(driver, copy); });
}

CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* copy) noexcept {
  return copy_entry(__func__, [&](Driver& driver) { return from_request(driver, copy); });
}

CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* copy, CUstream stream) noexcept {
  return copy_entry(__func__, stream, [&](Driver& driver) { return from_request(driver, copy); });
}

CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, std::size_t count) noexcept {
  return fill_entry(__func__, nullptr, to, 0, value, 1, count, 1);
}

CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, std::size_t count) noexcept {
  return fill_entry(__func__, nullptr, to, 0, value, 2, count, 1);
}

CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, std::size_t count) noexcept {
  return fill_entry(__func__, nullptr, to, 0, value, 4, count, 1);
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, std::size_t count, CUstream stream) noexcept {
  return fill_entry(__func__, stream, to, 0, value, 1, count, 1);
}

CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, std::size_t count, CUstream stream) noexcept {
  return fill_entry(__func__, stream, to, 0, value, 2, count, 1);
}

CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, std::size_t count, CUstream stream) noexcept {
  return fill_entry(__func__, stream, to, 0, value, 4, count, 1);
}

CUresult cuMemsetD2D8_v2(CUdeviceptr to, std::size_t pitch, unsigned char value, std::size_t width,
                         std::size_t height) noexcept {
  return fill_entry(__func__, nullptr, to, pitch, value, 1, width, height);
}

CUresult cuMemsetD2D16_v2(CUdeviceptr to, std::size_t pitch, unsigned short value, std::size_t width,
                          std::size_t height) noexcept {
  return fill_entry(__func__, nullptr, to, pitch, value, 2, width, height);
}

CUresult cuMemsetD2D32_v2(CUdeviceptr to, std::size_t pitch, unsigned value, std::size_t width,
                          std::size_t height) noexcept {
  return fill_entry(__func__, nullptr, to, pitch, value, 4, width, height);
}

CUresult cuMemsetD2D8Async(CUdeviceptr to, std::size_t pitch, unsigned char value, std::size_t width,
                           std::size_t height, CUstream stream) noexcept {
  return fill_entry(__func__, stream, to, pitch, value, 1, width, height);
}

CUresult cuMemsetD2D16Async(CUdeviceptr to, std::size_t pitch, unsigned short value, std::size_t width,
                            std::size_t height, CUstream stream) noexcept {
  return fill_entry(__func__, stream, to, pitch, value, 2, width, height);
}

CUresult cuMemsetD2D32Async(CUdeviceptr to, std::size_t pitch, unsigned value, std::size_t width,
                            std::size_t height, CUstream stream) noexcept {
  return fill_entry(__func__, stream, to, pitch, value, 4, width, height);
}
