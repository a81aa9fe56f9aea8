// cuGetProcAddress, and the entry points softgpu does not implement: each exists, says its name and returns
// 801, so that a missing feature is not mistaken for an old driver.
#include <cstdio>
#include <string>
#include <unordered_map>

#include "entry.h"

using namespace softgpu;

namespace {

CUresult refuse(const char* name) noexcept {
  if (!is_quiet()) std::fprintf(stderr, "softgpu: %s is not implemented (CUDA_ERROR_NOT_SUPPORTED)\n", name);
  return CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace

#define SOFTGPU_UNSUPPORTED(name) \
  extern "C" SOFTGPU_API CUresult name() noexcept { return refuse(#name); }
#include "unsupported.def"
#undef SOFTGPU_UNSUPPORTED

namespace {

using Table = std::unordered_map<std::string, void*>;

const Table& implemented() {
  static const Table* symbols = new Table{
#define SOFTGPU_ENTRY_POINT(name, parameters) {#name, reinterpret_cast<void*>(name)},
#include "entry_points.def"
#undef SOFTGPU_ENTRY_POINT
  };
  return *symbols;
}

const Table& unsupported() {
  static const Table* symbols = new Table{
#define SOFTGPU_UNSUPPORTED(name) {#name, reinterpret_cast<void*>(name)},
#include "unsupported.def"
#undef SOFTGPU_UNSUPPORTED
  };
  return *symbols;
}

/// The newest version of a plain name (cuMemAlloc is cuMemAlloc_v2), an implemented one if there is any.
void* newest(const std::string& name) {
  if (name == "cuGraphInstantiate") return newest("cuGraphInstantiateWithFlags");
  for (const Table* table : {&implemented(), &unsupported()}) {
    for (const char* suffix : {"_v4", "_v3", "_v2", ""}) {
      const auto found = table->find(name + suffix);
      if (found != table->end()) return found->second;
    }
  }
  return nullptr;
}

}  // namespace

CUresult cuGetProcAddress_v2(const char* symbol, void** address, int, std::uint64_t flags,
                             CUdriverProcAddressQueryResult* status) noexcept {
  return entry_before_init(__func__, [&](Driver&) {
    require(symbol != nullptr, "expected a name, got NULL");
    give(address, nullptr, "the address");
    if ((flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0)
      throw CallError(CUDA_ERROR_NOT_SUPPORTED,
                      "softgpu has no per-thread variants of calls: pass stream 2 (CU_STREAM_PER_THREAD)");
    *address = newest(symbol);
    if (status != nullptr)
      *status = *address != nullptr ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    if (*address == nullptr && status == nullptr)
      throw CallError(CUDA_ERROR_NOT_FOUND, std::string("no entry point is named ") + symbol);
  });
}

CUresult cuGetProcAddress(const char* symbol, void** address, int version, std::uint64_t flags) noexcept {
  return cuGetProcAddress_v2(symbol, address, version, flags, nullptr);
}
