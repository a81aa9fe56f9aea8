// softgpu's own entry points (softgpu.h).
#include <cstdio>

#include "../check/json_text.h"
#include "cuda_api.h"
#include "entry.h"
#include "softgpu.h"

using namespace softgpu;

namespace {

/// Text that lasts until this thread's next call.
template <class Body>
const char* text_entry(const char* call, const char* empty, Body body) noexcept {
  static thread_local std::string text;
  const CUresult result = entry_before_init(
      call, [&](Driver& driver) { text = driver.device ? body(driver) : std::string(empty); });
  return result == CUDA_SUCCESS ? text.c_str() : empty;
}

std::string leaks(const Driver& driver) {
  std::string text = "[";
  for (const auto& [handle, context] : driver.handles.all<Context>()) {
    for (const DeviceAddress address : context->allocations) {
      const Allocation* allocation = driver.device->memory.find(address, 0);
      if (allocation == nullptr) continue;
      char hexadecimal[32];
      std::snprintf(hexadecimal, sizeof hexadecimal, "0x%llx", static_cast<unsigned long long>(address));
      text += (text.size() > 1 ? ",\n " : "") + std::string("{\"address\":") + quoted(hexadecimal) +
              ",\"bytes\":" + std::to_string(allocation->bytes) + ",\"name\":" + quoted(allocation->name) +
              "}";
    }
  }
  return text + "]";
}

}  // namespace

SOFTGPU_API const char* softgpuFindings() {
  return text_entry(__func__, "[]", [](Driver& driver) { return driver.device->findings.json(); });
}

SOFTGPU_API void softgpuClearFindings() {
  entry_before_init(__func__, [](Driver& driver) {
    if (driver.device) driver.device->findings.clear();
  });
}

SOFTGPU_API const char* softgpuCounters() {
  return text_entry(__func__, "{}", [](Driver& driver) { return driver.device->counters.json(); });
}

SOFTGPU_API const char* softgpuCountersTable() {
  return text_entry(__func__, "", [](Driver& driver) { return driver.device->counters.table(); });
}

SOFTGPU_API void softgpuClearCounters() {
  entry_before_init(__func__, [](Driver& driver) {
    if (driver.device) driver.device->counters.clear();
  });
}

SOFTGPU_API int softgpuSetSeed(std::uint64_t seed) {
  return entry_without_context(__func__, [&](Driver& driver) { driver.set_seed(seed); });
}

SOFTGPU_API int softgpuDeclareMatrix(std::uint64_t base, std::uint64_t rows, std::uint64_t columns,
                                     std::uint64_t leading, std::uint32_t element_bytes, std::uint32_t role) {
  return entry_without_context(__func__, [&](Driver& driver) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 24;
    require(rows > 0 && columns > 0 && rows <= kMost && leading <= kMost, "no such extents");
    require(leading >= columns, "rows overlap: leading is smaller than columns");
    require(element_bytes == 1 || element_bytes == 2 || element_bytes == 4 || element_bytes == 8,
            "elements have 1, 2, 4 or 8 bytes");
    require(role <= 1, "expected role 0 (A) or 1 (B)");
    const DeclaredMatrix matrix{base,    rows,          columns,
                                leading, element_bytes, static_cast<DeclaredMatrix::Role>(role)};
    require(driver.device->memory.find(base, matrix.bytes()) != nullptr,
            "the matrix does not lie in one allocation");
    driver.device->matrices.declare(matrix);
  });
}

SOFTGPU_API const char* softgpuLeaks() {
  return text_entry(__func__, "[]", [](Driver& driver) { return leaks(driver); });
}
