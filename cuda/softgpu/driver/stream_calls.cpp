// Streams: priorities, waiting, host functions.
#include <algorithm>

#include "entry.h"
#include "graphs.h"

using namespace softgpu;

namespace {

constexpr int kLeastPriority = 0, kGreatestPriority = -5;

void create_stream(Driver& driver, const std::shared_ptr<Context>& context, CUstream* stream, unsigned flags,
                   int priority) {
  require((flags & ~CU_STREAM_NON_BLOCKING) == 0, "expected stream flags 0 or 1 (non-blocking)");
  require(stream != nullptr, "expected a pointer for the stream, got NULL");
  *stream =
      driver.make_stream(context, flags, std::clamp(priority, kGreatestPriority, kLeastPriority))->handle;
}

/// A stream callback with its arguments, on its way through a host function.
struct Callback {
  CUstreamCallback function;
  CUstream stream;
  void* data;
};

void call_back(void* data) {
  const auto* callback = static_cast<const Callback*>(data);
  callback->function(callback->stream, CUDA_SUCCESS, callback->data);
}

}  // namespace

CUresult cuStreamCreate(CUstream* stream, unsigned flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    create_stream(driver, context, stream, flags, kLeastPriority);
  });
}

CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    create_stream(driver, context, stream, flags, priority);
  });
}

CUresult cuStreamDestroy_v2(CUstream handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const std::shared_ptr<Stream> stream = driver.handles.find<Stream>(handle);
    leave_capture(driver, *stream);
    // Its work goes on; the host hears of it when it waits for the context.
    driver.order.join(stream->context->of_destroyed_streams, stream->past);
    std::erase(stream->context->streams, stream.get());
    driver.handles.remove(handle);
  });
}

CUresult cuStreamSynchronize(CUstream handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    const std::shared_ptr<Stream> stream = driver.stream(handle, context);
    forbid_capturing(driver, *stream, "synchronised with");
    driver.synchronise(stream);
  });
}

CUresult cuStreamQuery(CUstream handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    const std::shared_ptr<Stream> stream = driver.stream(handle, context);
    forbid_capturing(driver, *stream, "queried");
    return driver.poll(driver.past_of(*stream), stream->asked) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent event_handle, unsigned flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    const std::shared_ptr<Stream> stream = driver.stream(handle, context);
    const std::shared_ptr<Event> event = driver.handles.find<Event>(event_handle);
    if (flags != 0)
      throw CallError(flags == 1 ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE,
                      "softgpu has no external event nodes: flags must be 0");
    if (!event->recorded) return;
    if (stream->capture != nullptr || event->captured) {
      wait_in_capture(driver, *stream, *event);
      return;
    }
    driver.forbid_implicit_dependency(*stream);
    driver.order.join(stream->past, event->past);
  });
}

CUresult cuStreamGetPriority(CUstream handle, int* priority) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(priority, driver.stream(handle, context)->priority, "the priority");
  });
}

CUresult cuStreamGetFlags(CUstream handle, unsigned* flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(flags, driver.stream(handle, context)->flags, "the flags");
  });
}

CUresult cuStreamGetId(CUstream handle, unsigned long long* id) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(id, driver.stream(handle, context)->id, "the id");
  });
}

CUresult cuStreamGetCtx(CUstream handle, CUcontext* result) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(result, driver.stream(handle, context)->context->handle, "the context");
  });
}

CUresult cuStreamGetDevice(CUstream handle, CUdevice* device) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    driver.stream(handle, context);
    give(device, 0, "the device");
  });
}

CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback function, void* data,
                             unsigned flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    require(function != nullptr, "expected a function, got NULL");
    require(flags == 0, "flags must be 0");
    const std::shared_ptr<Stream> stream = driver.stream(handle, context);
    forbid_capturing(driver, *stream, "given a callback");
    Callback callback{function, handle, data};
    driver.submit(stream, HostOperation{call_back, &callback});  // runs before it returns
  });
}

CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    require(function != nullptr, "expected a function, got NULL");
    driver.submit(driver.stream(handle, context), HostOperation{function, data});
  });
}
