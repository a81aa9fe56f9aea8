// Stream capture: work of capturing streams becomes nodes of a graph, events carry the capture to other
// streams.
#include <algorithm>
#include <unordered_set>

#include "entry.h"
#include "graphs.h"

namespace softgpu {
namespace {

/// Ends a capture, however it went: its streams run again.
void finish(Driver& driver, const std::shared_ptr<Capture>& capture) {
  for (Stream* stream : capture->streams) {
    stream->capture.reset();
    stream->tails.clear();
  }
  std::erase(driver.captures, capture);
}

/// Whether every stream's last nodes come before (or are) the origin's.
bool is_joined(const Capture& capture) {
  std::unordered_set<const GraphNode*> reached;
  std::vector<const GraphNode*> open(capture.origin->tails.begin(), capture.origin->tails.end());
  while (!open.empty()) {
    const GraphNode* node = open.back();
    open.pop_back();
    if (!reached.insert(node).second) continue;
    open.insert(open.end(), node->dependencies.begin(), node->dependencies.end());
  }
  return std::all_of(capture.streams.begin(), capture.streams.end(), [&](const Stream* stream) {
    return std::all_of(stream->tails.begin(), stream->tails.end(),
                       [&](const GraphNode* tail) { return reached.contains(tail); });
  });
}

void discard(Driver& driver, const Graph& graph) {
  for (const auto& node : graph.nodes) driver.handles.remove(node->handle);
  driver.handles.remove(graph.handle);
}

CUstreamCaptureStatus status_of(const Stream& stream) {
  if (stream.legacy) {
    for (const Stream* other : stream.context->streams) {
      if (other->blocking() && other->capture != nullptr)
        throw CallError(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "a blocking stream is being captured");
    }
  }
  if (stream.capture == nullptr) return CU_STREAM_CAPTURE_STATUS_NONE;
  return stream.capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
}

void capture_info(Stream& stream, CUstreamCaptureStatus* status, std::uint64_t* id, CUgraph* graph,
                  const CUgraphNode** dependencies, std::size_t* count) {
  const CUstreamCaptureStatus now = status_of(stream);
  give(status, now, "the status");
  if (now != CU_STREAM_CAPTURE_STATUS_ACTIVE) return;
  stream.tail_handles.clear();
  for (const GraphNode* tail : stream.tails) stream.tail_handles.push_back(tail->handle);
  if (id != nullptr) *id = stream.capture->id;
  if (graph != nullptr) *graph = stream.capture->graph->handle;
  if (dependencies != nullptr) *dependencies = stream.tail_handles.data();
  if (count != nullptr) *count = stream.tail_handles.size();
}

}  // namespace

void Driver::invalidate(Capture& capture) { capture.invalidated = true; }

void Driver::forbid_during_capture() {
  const CUstreamCaptureMode mode = thread_state().capture_mode;
  if (mode == CU_STREAM_CAPTURE_MODE_RELAXED) return;
  bool forbidden = false;
  for (const auto& capture : captures) {
    const bool own =
        capture->thread == std::this_thread::get_id() && capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED;
    const bool global =
        mode == CU_STREAM_CAPTURE_MODE_GLOBAL && capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    if (!own && !global) continue;
    invalidate(*capture);
    forbidden = true;
  }
  if (forbidden)
    throw CallError(
        CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
        "this call may synchronise or allocate, which a capture in global or thread-local mode forbids; "
        "make it before cuStreamBeginCapture or capture in relaxed mode");
}

void Driver::forbid_implicit_dependency(const Stream& stream) {
  if (!stream.legacy) return;
  bool forbidden = false;
  for (const Stream* other : stream.context->streams) {
    if (!other->blocking() || other->capture == nullptr) continue;
    invalidate(*other->capture);
    forbidden = true;
  }
  if (forbidden)
    throw CallError(
        CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
        "work in the legacy default stream waits for every blocking stream, one of which is being "
        "captured; use streams made with CU_STREAM_NON_BLOCKING");
}

void Driver::capture_operation(Stream& stream, const Operation& operation) {
  Capture& capture = *stream.capture;
  if (capture.invalidated) throw CallError(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  GraphNode& node = add_node(*this, *capture.graph, operation, stream.tails);
  stream.tails = {&node};
}

void record_in_capture(Event& event, const Stream& stream) {
  if (stream.capture->invalidated) throw CallError(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  event.recorded = true;
  event.captured = true;
  event.capture = stream.capture;
  event.tails = stream.tails;
}

void wait_in_capture(Driver& driver, Stream& stream, const Event& event) {
  if (!event.captured) {
    driver.invalidate(*stream.capture);
    throw CallError(CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
                    "the event was recorded outside the capture; record it in a capturing stream");
  }
  const std::shared_ptr<Capture> capture = event.capture.lock();
  if (capture == nullptr)
    throw CallError(CUDA_ERROR_CAPTURED_EVENT, "the capture the event was recorded in has ended");
  if (capture->invalidated) throw CallError(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  if (stream.legacy)
    throw CallError(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the legacy default stream cannot join a capture");
  if (stream.capture != nullptr && stream.capture != capture) {
    driver.invalidate(*stream.capture);
    driver.invalidate(*capture);
    throw CallError(CUDA_ERROR_STREAM_CAPTURE_MERGE, "the event belongs to another capture");
  }
  if (stream.capture == nullptr) {
    stream.capture = capture;
    capture->streams.push_back(&stream);
  }
  for (GraphNode* tail : event.tails) {
    if (std::find(stream.tails.begin(), stream.tails.end(), tail) == stream.tails.end())
      stream.tails.push_back(tail);
  }
}

void forbid_capturing(Driver& driver, const Stream& stream, const char* what) {
  driver.forbid_implicit_dependency(stream);
  if (stream.capture == nullptr) return;
  driver.invalidate(*stream.capture);
  throw CallError(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                  std::string("a capturing stream cannot be ") + what + ": nothing has run");
}

void leave_capture(Driver& driver, Stream& stream) {
  if (stream.capture == nullptr) return;
  driver.invalidate(*stream.capture);
  const std::shared_ptr<Capture> capture = stream.capture;
  if (capture->origin == &stream) {
    discard(driver, *capture->graph);
    finish(driver, capture);
    return;
  }
  std::erase(capture->streams, &stream);
  stream.capture.reset();
}

}  // namespace softgpu

using namespace softgpu;

CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    require(mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED,
            "expected a capture mode: 0 global, 1 thread-local, 2 relaxed");
    const std::shared_ptr<Stream> stream = driver.stream(handle, context);
    if (stream->legacy)
      throw CallError(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                      "the legacy default stream cannot be captured; create a stream");
    if (stream->capture != nullptr)
      throw CallError(CUDA_ERROR_ILLEGAL_STATE, "the stream is being captured already");
    auto capture = std::make_shared<Capture>();
    capture->graph = make_graph(driver, context);
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    capture->id = driver.next_serial();
    capture->origin = stream.get();
    capture->streams = {stream.get()};
    stream->capture = capture;
    stream->tails.clear();
    driver.captures.push_back(std::move(capture));
  });
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(graph, nullptr, "the graph");
    const std::shared_ptr<Stream> stream = driver.stream(handle, context);
    const std::shared_ptr<Capture> capture = stream->capture;
    if (capture == nullptr) throw CallError(CUDA_ERROR_ILLEGAL_STATE, "the stream is not being captured");
    if (capture->origin != stream.get()) {
      driver.invalidate(*capture);
      throw CallError(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the capture began in another stream");
    }
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id())
      throw CallError(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "the capture began in another thread");
    const bool joined = is_joined(*capture);
    finish(driver, capture);
    if (capture->invalidated || !joined) {
      discard(driver, *capture->graph);
      if (capture->invalidated) throw CallError(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
      throw CallError(
          CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
          "work of a stream that joined the capture is not joined back: record an event there and "
          "wait for it in the stream where the capture began");
    }
    *graph = capture->graph->handle;
  });
}

CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(status, status_of(*driver.stream(handle, context)), "the status");
  });
}

CUresult cuStreamGetCaptureInfo_v2(CUstream handle, CUstreamCaptureStatus* status, std::uint64_t* id,
                                   CUgraph* graph, const CUgraphNode** dependencies,
                                   std::size_t* count) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    capture_info(*driver.stream(handle, context), status, id, graph, dependencies, count);
  });
}

CUresult cuStreamGetCaptureInfo_v3(CUstream handle, CUstreamCaptureStatus* status, std::uint64_t* id,
                                   CUgraph* graph, const CUgraphNode** dependencies,
                                   const CUgraphEdgeData** edges, std::size_t* count) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    capture_info(*driver.stream(handle, context), status, id, graph, dependencies, count);
    if (edges != nullptr) *edges = nullptr;  // every edge is a plain one
  });
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) noexcept {
  return entry_without_context(__func__, [&](Driver&) {
    require(
        mode != nullptr && *mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && *mode <= CU_STREAM_CAPTURE_MODE_RELAXED,
        "expected a capture mode: 0 global, 1 thread-local, 2 relaxed");
    std::swap(*mode, thread_state().capture_mode);
  });
}
