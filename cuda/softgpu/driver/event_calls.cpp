// Events. Their times are the model's (model.h), the same in every run.
#include "entry.h"
#include "graphs.h"

using namespace softgpu;

namespace {

void forbid_captured(const Event& event) {
  if (event.captured)
    throw CallError(CUDA_ERROR_CAPTURED_EVENT,
                    "the event was last recorded in a capturing stream: it stands for a graph's nodes");
}

void record(Driver& driver, const std::shared_ptr<Context>& context, CUevent handle, CUstream stream_handle) {
  const std::shared_ptr<Event> event = driver.handles.find<Event>(handle);
  const std::shared_ptr<Stream> stream = driver.stream(stream_handle, context);
  if (event->context != stream->context)
    throw CallError(CUDA_ERROR_INVALID_HANDLE, "the event and the stream belong to different contexts");
  if (stream->capture != nullptr) {
    record_in_capture(*event, *stream);
    return;
  }
  driver.forbid_implicit_dependency(*stream);
  event->recorded = true;
  event->captured = false;
  event->asked = false;
  event->tails.clear();
  event->past = driver.past_of(*stream);
}

/// Milliseconds between two events the host knows to be over.
float elapsed(Driver& driver, const Event& start, const Event& end) {
  forbid_captured(start);
  forbid_captured(end);
  for (const Event* event : {&start, &end}) {
    if (!event->recorded || (event->flags & CU_EVENT_DISABLE_TIMING) != 0)
      throw CallError(CUDA_ERROR_INVALID_HANDLE, "both events must have been recorded, and made with timing");
    if (!driver.order.includes(driver.host, event->past))
      throw CallError(CUDA_ERROR_NOT_READY, "synchronise with both events first");
  }
  return static_cast<float>((end.past.nanoseconds - start.past.nanoseconds) * 1e-6);
}

}  // namespace

CUresult cuEventCreate(CUevent* event, unsigned flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
    require(event != nullptr, "expected a pointer for the event, got NULL");
    require((flags & ~kKnown) == 0, "unknown event flags");
    if ((flags & CU_EVENT_INTERPROCESS) != 0)
      throw CallError(CUDA_ERROR_NOT_SUPPORTED, "softgpu's events belong to one process");
    auto object = std::make_shared<Event>();
    object->context = context;
    object->flags = flags;
    *event = driver.handles.add(std::move(object));
  });
}

CUresult cuEventDestroy_v2(CUevent event) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    driver.handles.find<Event>(event);
    driver.handles.remove(event);
  });
}

CUresult cuEventRecord(CUevent event, CUstream stream) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    record(driver, context, event, stream);
  });
}

CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    if (flags != 0)
      throw CallError(flags == CU_EVENT_RECORD_EXTERNAL ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE,
                      "softgpu has no external event nodes: flags must be 0");
    record(driver, context, event, stream);
  });
}

CUresult cuEventQuery(CUevent handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const std::shared_ptr<Event> event = driver.handles.find<Event>(handle);
    forbid_captured(*event);
    driver.forbid_during_capture();
    if (!event->recorded) return CUDA_SUCCESS;
    return driver.poll(event->past, event->asked) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}

CUresult cuEventSynchronize(CUevent handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const std::shared_ptr<Event> event = driver.handles.find<Event>(handle);
    forbid_captured(*event);
    driver.forbid_during_capture();
    if (event->recorded) driver.host_joins(event->past);
    throw_if_faulted(*event->context);
  });
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(milliseconds, elapsed(driver, *driver.handles.find<Event>(start), *driver.handles.find<Event>(end)),
         "the milliseconds");
  });
}

CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) noexcept {
  return cuEventElapsedTime(milliseconds, start, end);
}
