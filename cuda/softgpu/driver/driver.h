// The driver: one device, its contexts and everything handles stand for, behind one lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../machine/device.h"
#include "call_error.h"
#include "copies_in_flight.h"
#include "handles.h"
#include "host_memory.h"
#include "objects.h"
#include "work_order.h"

namespace softgpu {

/// A thread's stack of contexts. Of fixed size: calls from destructors at the end of a process still find it.
class ContextStack {
 public:
  bool empty() const { return depth_ == 0; }
  CUcontext top() const { return depth_ == 0 ? nullptr : contexts_[depth_ - 1]; }
  void push(CUcontext context) {
    if (depth_ == kDepth) throw CallError(CUDA_ERROR_OUT_OF_MEMORY, "64 contexts are on this thread's stack");
    contexts_[depth_++] = context;
  }
  void pop() { --depth_; }

 private:
  static constexpr std::size_t kDepth = 64;
  CUcontext contexts_[kDepth] = {};
  std::size_t depth_ = 0;
};

/// What a host thread has of its own.
struct ThreadState {
  ContextStack contexts;  ///< the top is current
  CUstreamCaptureMode capture_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  const char* call = "";                         ///< the entry point that runs
  std::unique_lock<std::mutex>* lock = nullptr;  ///< of the driver, while a call runs
  bool per_thread_default = false;               ///< stream 0 is the thread's own in this call
};
ThreadState& thread_state();

class Driver {
 public:
  /// Made at the first call, never destroyed: host threads may call until the process ends.
  static Driver& instance();

  std::mutex mutex;
  std::unique_ptr<Device> device;  ///< null before cuInit
  Handles handles;
  HostMemory host_memory;
  WorkOrder order;
  CopiesInFlight in_flight;
  Past host;  ///< what the host knows to be over
  std::shared_ptr<Context> primary;
  CUmemoryPool pool = nullptr;
  std::vector<std::shared_ptr<Capture>> captures;  ///< in progress
  std::map<std::thread::id, std::string> texts;    ///< what softgpu's own calls have returned last

  void initialise();
  /// Numbers for streams and captures.
  std::uint64_t next_serial() { return ++serial_; }

  // Contexts.
  /// The current context of this thread. Throws CallError 201, 709 or the fault that killed it.
  std::shared_ptr<Context> current();
  std::shared_ptr<Context> make_context(bool primary, unsigned flags);
  void open(Context& context);
  /// Frees everything the context owns.
  void close(const std::shared_ptr<Context>& context);

  // Streams.
  std::shared_ptr<Stream> stream(CUstream handle, const std::shared_ptr<Context>& context);
  std::shared_ptr<Stream> make_stream(const std::shared_ptr<Context>& context, unsigned flags, int priority);
  /// What is over for the next piece of work of a stream, legacy default-stream semantics included.
  Past past_of(const Stream& stream) const;
  /// Runs an operation in a stream, or adds it to the graph the stream is captured into.
  void submit(const std::shared_ptr<Stream>& stream, const Operation& operation);
  /// Work in a stream after which memory is gone: whoever still uses it elsewhere is an `unordered` finding.
  void end_use(Stream& stream, DeviceAddress allocation);
  void launch_graph(const std::shared_ptr<Stream>& stream, const GraphExec& exec);

  // The host waits.
  void host_joins(const Past& past);
  void synchronise(const std::shared_ptr<Stream>& stream);
  void synchronise(Context& context);
  /// Whether the host may be told that `past` is over; by seed not at the first question.
  bool poll(const Past& past, bool& asked);

  // Captures.
  /// Throws 900 and invalidates captures if this thread must not make calls that could disturb one.
  void forbid_during_capture();
  /// Throws 906 and invalidates captures that work in the legacy stream would depend on.
  void forbid_implicit_dependency(const Stream& stream);
  void invalidate(Capture& capture);
  /// Adds an operation to the graph a stream is captured into. Throws 901.
  void capture_operation(Stream& stream, const Operation& operation);

  // Reports.
  void report(Check check, Severity severity, int code, const std::string& message,
              const std::string& other = {});
  /// An error-level finding that kills a context as a device fault would.
  void fail(Context& context, Check check, const std::string& where, const std::string& message,
            const std::string& other = {});
  void fail(Context& context, Finding finding);

  /// The seed's next choice: uniform in [0, bound); always 0, the natural order, with seed 0.
  std::uint32_t draw(std::uint32_t bound);
  /// Starts the seed's choices afresh.
  void set_seed(std::uint64_t seed);

 private:
  Work begin(const std::string& what);
  double run(const Operation& operation, const Work& work, const std::shared_ptr<Context>& context);
  std::uint64_t serial_ = 0;
  std::uint64_t choices_ = 0;
};

/// "kernel saxpy", "cuMemcpyHtoDAsync_v2", ...: what an operation is called in messages.
std::string name_of(const Operation& operation);

/// Throws CallError, with a finding where a check failed, if an operation cannot run as things are.
void check_operation(Driver& driver, const Operation& operation);

/// CUresults that a context does not survive.
bool is_sticky(int code);

/// Throws CallError: the fault that has killed the context, if any.
inline void throw_if_faulted(const Context& context) {
  if (context.sticky != 0) throw CallError(context.sticky);
}

}  // namespace softgpu
