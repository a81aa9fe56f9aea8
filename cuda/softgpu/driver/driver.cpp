#include "driver.h"

#include <algorithm>
#include <utility>

#include "../machine/philox.h"
#include "host_fault.h"

namespace softgpu {

namespace {

/// Removing a handle may destroy the stream, so they are gathered first.
std::vector<CUstream> stream_handles(const Context& context) {
  std::vector<CUstream> result;
  for (const Stream* stream : context.streams) result.push_back(stream->handle);
  return result;
}

}  // namespace

ThreadState& thread_state() {
  static thread_local ThreadState state;
  return state;
}

Driver& Driver::instance() {
  static Driver* driver = new Driver;
  return *driver;
}

void Driver::initialise() {
  if (device) return;
  device = std::make_unique<Device>(Settings::from_environment());
  primary = make_context(true, 0);
  pool = handles.add(std::make_shared<Pool>());
  name_host_faults(device->memory);
}

std::uint32_t Driver::draw(std::uint32_t bound) {
  constexpr std::uint64_t kDriver = std::uint64_t{1} << 63;  // apart from the streams of blocks
  if (device->settings.seed == 0) return 0;
  return Philox(device->settings.seed, kDriver | ++choices_).below(bound);
}

void Driver::set_seed(std::uint64_t seed) {
  device->settings.seed = seed;
  device->launches = 0;
  choices_ = 0;
}

// ---- Contexts
// -------------------------------------------------------------------------------------------------------

std::shared_ptr<Context> Driver::current() {
  const CUcontext top = thread_state().contexts.top();
  if (top == nullptr)
    throw CallError(
        CUDA_ERROR_INVALID_CONTEXT,
        "no context is current in this thread: call cuCtxSetCurrent (contexts are current per thread)");
  std::shared_ptr<Context> context = handles.find_or_null<Context>(top);
  if (context == nullptr || !context->alive)
    throw CallError(CUDA_ERROR_CONTEXT_IS_DESTROYED,
                    "this thread's current context is destroyed, or a primary context nobody retains");
  throw_if_faulted(*context);
  return context;
}

std::shared_ptr<Context> Driver::make_context(bool primary, unsigned flags) {
  auto context = std::make_shared<Context>();
  context->primary = primary;
  context->flags = flags;
  context->alive = false;
  context->handle = handles.add(context);
  if (!primary) open(*context);
  return context;
}

void Driver::open(Context& context) {
  context.alive = true;
  context.sticky = 0;
}

void Driver::close(const std::shared_ptr<Context>& context) {
  const auto owned_by = [&](const std::shared_ptr<Context>& owner) { return owner == context; };
  std::erase_if(captures, [&](const auto& capture) { return owned_by(capture->graph->context); });
  for (const auto& [handle, library] : handles.all<LibraryObject>()) {
    if (!owned_by(library->module->context)) continue;
    for (const auto& [name, kernel] : library->kernels) handles.remove(kernel);
    handles.remove(handle);
  }
  for (const auto& [handle, module] : handles.all<ModuleObject>()) {
    if (!owned_by(module->context)) continue;
    for (const auto& [name, function] : module->functions) handles.remove(function);
    module->alive = false;
    handles.remove(handle);
  }
  for (const auto& [handle, exec] : handles.all<GraphExec>()) {
    if (owned_by(exec->context)) handles.remove(handle);
  }
  for (const auto& [handle, graph] : handles.all<Graph>()) {
    if (!owned_by(graph->context)) continue;
    for (const auto& node : graph->nodes) handles.remove(node->handle);
    handles.remove(handle);
  }
  for (const auto& [handle, event] : handles.all<Event>()) {
    if (owned_by(event->context)) handles.remove(handle);
  }
  // Its work is over: copies in flight land.
  host_joins(context->of_destroyed_streams);
  for (const Stream* stream : context->streams) host_joins(stream->past);
  for (const CUstream stream : stream_handles(*context)) handles.remove(stream);
  for (const DeviceAddress address : context->allocations) {
    const Allocation* allocation = device->memory.find(address, 0);
    if (allocation != nullptr) device->matrices.forget(address, allocation->bytes);
    device->memory.free(address);
  }
  context->allocations.clear();
  context->streams.clear();
  context->per_thread.clear();
  context->legacy.reset();
  context->limits.clear();
  context->alive = false;
  context->sticky = 0;
  if (!context->primary) handles.remove(context->handle);
}

// ---- Streams
// --------------------------------------------------------------------------------------------------------

std::shared_ptr<Stream> Driver::make_stream(const std::shared_ptr<Context>& context, unsigned flags,
                                            int priority) {
  auto stream = std::make_shared<Stream>();
  stream->context = context;
  stream->flags = flags;
  stream->priority = priority;
  stream->id = next_serial();
  stream->handle = handles.add(stream);
  context->streams.push_back(stream.get());
  return stream;
}

std::shared_ptr<Stream> Driver::stream(CUstream handle, const std::shared_ptr<Context>& context) {
  const bool per_thread =
      handle == CU_STREAM_PER_THREAD || (handle == nullptr && thread_state().per_thread_default);
  if (per_thread) {
    std::shared_ptr<Stream>& stream = context->per_thread[std::this_thread::get_id()];
    if (stream == nullptr) stream = make_stream(context, 0, 0);
    return stream;
  }
  if (handle == nullptr || handle == CU_STREAM_LEGACY) {
    if (context->legacy == nullptr) {
      context->legacy = make_stream(context, 0, 0);
      context->legacy->legacy = true;
    }
    return context->legacy;
  }
  std::shared_ptr<Stream> stream = handles.find<Stream>(handle);
  if (!stream->context->alive)
    throw CallError(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the stream's context is destroyed");
  throw_if_faulted(*stream->context);
  return stream;
}

Past Driver::past_of(const Stream& stream) const {
  Past past;
  order.join(past, stream.past);
  order.join(past, host);
  if (stream.legacy) {
    order.join(past, stream.context->of_destroyed_streams);
    for (const Stream* other : stream.context->streams) {
      if (other->blocking()) order.join(past, other->past);
    }
  } else if (stream.blocking() && stream.context->legacy != nullptr) {
    order.join(past, stream.context->legacy->past);
  }
  return past;
}

// ---- The host waits
// -------------------------------------------------------------------------------------------------

void Driver::host_joins(const Past& past) {
  order.join(host, past);
  in_flight.settle(*this, host);
}

void Driver::synchronise(const std::shared_ptr<Stream>& stream) {
  host_joins(past_of(*stream));
  stream->asked = true;
  throw_if_faulted(*stream->context);
}

void Driver::synchronise(Context& context) {
  host_joins(context.of_destroyed_streams);
  for (const Stream* stream : context.streams) host_joins(stream->past);
  throw_if_faulted(context);
}

bool Driver::poll(const Past& past, bool& asked) {
  const bool first = !std::exchange(asked, true);
  if (first && !order.includes(host, past) && draw(2) == 1) return false;
  host_joins(past);
  return true;
}

// ---- Reports
// --------------------------------------------------------------------------------------------------------

void Driver::report(Check check, Severity severity, int code, const std::string& message,
                    const std::string& other) {
  Finding finding;
  finding.check = check;
  finding.severity = severity;
  finding.code = code;
  finding.message = message;
  finding.place.kernel = thread_state().call;
  finding.other.kernel = other;
  device->findings.add(std::move(finding));
}

void Driver::fail(Context& context, Check check, const std::string& where, const std::string& message,
                  const std::string& other) {
  Finding finding;
  finding.check = check;
  finding.code = CUDA_ERROR_LAUNCH_FAILED;
  finding.message = message;
  finding.place.kernel = where;
  finding.other.kernel = other;
  fail(context, std::move(finding));
}

void Driver::fail(Context& context, Finding finding) {
  device->findings.add(std::move(finding));
  if (context.sticky == 0) context.sticky = CUDA_ERROR_LAUNCH_FAILED;
}

bool is_sticky(int code) {
  switch (code) {
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
      return true;
    default:
      return false;
  }
}

}  // namespace softgpu
