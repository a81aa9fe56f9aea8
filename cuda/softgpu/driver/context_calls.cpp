// Primary and own contexts, the stack of current contexts of each thread.
#include "entry.h"

using namespace softgpu;

namespace {

void require_device(CUdevice device) {
  if (device != 0) throw CallError(CUDA_ERROR_INVALID_DEVICE, "softgpu has one device, number 0");
}

void require_flags(unsigned flags) {
  if ((flags & ~CU_CTX_FLAGS_MASK) != 0) throw CallError(CUDA_ERROR_INVALID_VALUE, "unknown context flags");
}

std::shared_ptr<Context> find_context(const Driver& driver, CUcontext handle) {
  return driver.handles.find<Context>(handle, CUDA_ERROR_INVALID_CONTEXT);
}

void create(Driver& driver, CUcontext* context, unsigned flags, CUdevice device) {
  require_device(device);
  require_flags(flags);
  require(context != nullptr, "expected a pointer for the context, got NULL");
  *context = driver.make_context(false, flags)->handle;
  thread_state().contexts.push(*context);
}

/// body(Driver&, Context&) for the current context, dead or alive.
template <class Body>
CUresult current_entry(const char* call, Body body) noexcept {
  return entry_without_context(call, [&](Driver& driver) {
    const CUcontext top = thread_state().contexts.top();
    if (top == nullptr) throw CallError(CUDA_ERROR_INVALID_CONTEXT, "no context is current in this thread");
    body(driver, *find_context(driver, top));
  });
}

}  // namespace

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    require_device(device);
    give(context, driver.primary->handle, "the context");
    if (!driver.primary->alive) driver.open(*driver.primary);
    ++driver.primary->retained;
  });
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    require_device(device);
    if (driver.primary->retained == 0)
      throw CallError(CUDA_ERROR_INVALID_CONTEXT, "the primary context is not retained");
    if (--driver.primary->retained == 0) driver.close(driver.primary);
  });
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    require_device(device);
    const bool retained = driver.primary->retained != 0;
    if (driver.primary->alive) driver.close(driver.primary);
    if (retained) driver.open(*driver.primary);
  });
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    require_device(device);
    require_flags(flags);
    driver.primary->flags = flags;
  });
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    require_device(device);
    give(flags, driver.primary->flags, "the flags");
    give(active, driver.primary->alive ? 1 : 0, "the state");
  });
}

CUresult cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice device) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) { create(driver, context, flags, device); });
}

CUresult cuCtxCreate_v4(CUcontext* context, void* parameters, unsigned flags, CUdevice device) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    if (parameters != nullptr)
      throw CallError(CUDA_ERROR_NOT_SUPPORTED, "softgpu makes plain contexts only: pass NULL parameters");
    create(driver, context, flags, device);
  });
}

CUresult cuCtxDestroy_v2(CUcontext handle) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    const std::shared_ptr<Context> context = find_context(driver, handle);
    if (context->primary)
      throw CallError(CUDA_ERROR_INVALID_CONTEXT, "the primary context is released, not destroyed");
    driver.close(context);
    if (thread_state().contexts.top() == handle) thread_state().contexts.pop();
  });
}

CUresult cuCtxPushCurrent_v2(CUcontext handle) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    find_context(driver, handle);
    thread_state().contexts.push(handle);
  });
}

CUresult cuCtxPopCurrent_v2(CUcontext* context) noexcept {
  return entry_without_context(__func__, [&](Driver&) {
    ContextStack& stack = thread_state().contexts;
    if (stack.empty()) throw CallError(CUDA_ERROR_INVALID_CONTEXT, "no context is current in this thread");
    if (context != nullptr) *context = stack.top();
    stack.pop();
  });
}

CUresult cuCtxSetCurrent(CUcontext handle) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    ContextStack& stack = thread_state().contexts;
    if (handle != nullptr) find_context(driver, handle);
    if (!stack.empty()) stack.pop();
    if (handle != nullptr) stack.push(handle);
  });
}

CUresult cuCtxGetCurrent(CUcontext* context) noexcept {
  return entry_without_context(__func__,
                               [&](Driver&) { give(context, thread_state().contexts.top(), "the context"); });
}

CUresult cuCtxGetDevice(CUdevice* device) noexcept {
  return current_entry(__func__, [&](Driver&, Context&) { give(device, 0, "the device"); });
}

CUresult cuCtxGetFlags(unsigned* flags) noexcept {
  return current_entry(__func__, [&](Driver&, Context& context) { give(flags, context.flags, "the flags"); });
}

CUresult cuCtxGetId(CUcontext handle, unsigned long long* id) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    if (handle == nullptr) handle = thread_state().contexts.top();
    give(id, reinterpret_cast<std::uint64_t>(find_context(driver, handle)->handle), "the id");
  });
}

CUresult cuCtxSynchronize() noexcept {
  return entry(__func__, [](Driver& driver, std::shared_ptr<Context>& context) {
    driver.forbid_during_capture();
    driver.synchronise(*context);
  });
}

CUresult cuCtxGetApiVersion(CUcontext handle, unsigned* version) noexcept {
  return entry_without_context(__func__, [&](Driver& driver) {
    constexpr unsigned kContextVersion = 3020;
    if (handle != nullptr) find_context(driver, handle);
    give(version, kContextVersion, "the version");
  });
}

CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) noexcept {
  return current_entry(__func__, [&](Driver&, Context&) {
    constexpr int kLeast = 0, kGreatest = -5;
    if (least != nullptr) *least = kLeast;
    if (greatest != nullptr) *greatest = kGreatest;
  });
}

CUresult cuCtxGetLimit(std::size_t* value, CUlimit limit) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    const auto set = context->limits.find(limit);
    std::size_t now = 0;
    if (limit == CU_LIMIT_STACK_SIZE) {
      now = driver.device->settings.stack_bytes;
    } else if (limit == CU_LIMIT_PRINTF_FIFO_SIZE) {
      now = std::size_t{1} << 20;
    } else if (limit == CU_LIMIT_MALLOC_HEAP_SIZE) {
      now = std::size_t{8} << 20;
    } else {
      throw CallError(CUDA_ERROR_UNSUPPORTED_LIMIT,
                      "known limits are 0 (stack), 1 (printf buffer) and 2 (malloc heap)");
    }
    give(value, set == context->limits.end() ? now : set->second, "the value");
  });
}

CUresult cuCtxSetLimit(CUlimit limit, std::size_t value) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    constexpr std::size_t kMostStack = 512 << 10;  // local memory of a thread: programming guide, table 21
    if (limit < CU_LIMIT_STACK_SIZE || limit > CU_LIMIT_MALLOC_HEAP_SIZE)
      throw CallError(CUDA_ERROR_UNSUPPORTED_LIMIT,
                      "known limits are 0 (stack), 1 (printf buffer) and 2 (malloc heap)");
    if (limit == CU_LIMIT_STACK_SIZE) {
      require(value <= kMostStack, "a thread has at most 512 KiB of local memory");
      driver.device->settings.stack_bytes = static_cast<std::uint32_t>(value);
    }
    context->limits[limit] = value;
  });
}

CUresult cuCtxGetCacheConfig(CUfunc_cache* config) noexcept {
  return entry(__func__,
               [&](Driver&, std::shared_ptr<Context>& context) { give(config, context->cache, "it"); });
}

CUresult cuCtxSetCacheConfig(CUfunc_cache config) noexcept {
  return entry(__func__, [&](Driver&, std::shared_ptr<Context>& context) {
    require(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL,
            "expected a cache configuration from 0 to 3");
    context->cache = config;
  });
}
