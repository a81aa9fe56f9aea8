// THE contract between the engine and a backend: the table of kernels that a backend fills.
//
// A *kernel* is one primitive computation (ops/kernels.def lists them all). Beside its problem struct stands
// an operand struct of pointers, `template <class T> struct SoftmaxForward { const T* x; T* y; ... }`, with
// `static Operands operands(const Problem&)` naming each member, its dtype, its element count (0: absent) and
// its role. A backend gives a kernel an ordered list of implementations; the first whose `supports` accepts
// the problem runs, the last is always `ref`. From these declarations follow launching, poisoning, tests
// against ref<double> and bench.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"
#include "core/problem.h"
#include "core/step_block.h"

namespace lapidary {

enum class Role : uint8_t { In, Out, InOut };

struct Operand {
  const char* name;
  DType dtype;
  int64_t count;  ///< elements; 0 when this problem does not have the operand (its pointer is null)
  Role role;
};
using Operands = std::vector<Operand>;

/// Bytes that a kernel moves for an operand at the least: once in, or once out, or both.
inline double operand_traffic(const Operand& operand) {
  const double bytes = static_cast<double>(operand.count) * static_cast<double>(dtype_size(operand.dtype));
  return operand.role == Role::InOut ? 2 * bytes : bytes;
}

inline Operand in(const char* name, int64_t count, DType dtype = DType::F32) {
  return {name, dtype, count, Role::In};
}
inline Operand out(const char* name, int64_t count, DType dtype = DType::F32) {
  return {name, dtype, count, Role::Out};
}
inline Operand inout(const char* name, int64_t count, DType dtype = DType::F32) {
  return {name, dtype, count, Role::InOut};
}

/// A non-owning reference to a callable void(int64_t chunk, int worker).
class ChunkFunction {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, ChunkFunction>) ChunkFunction(F&& callable)
  noexcept  // NOLINT: implicit by intent, like std::function_ref
      : object_(const_cast<void*>(static_cast<const void*>(&callable))),
        call_([](void* object, int64_t chunk, int worker) {
          (*static_cast<std::remove_reference_t<F>*>(object))(chunk, worker);
        }) {}
  void operator()(int64_t chunk, int worker) const { call_(object_, chunk, worker); }

 private:
  void* object_;
  void (*call_)(void*, int64_t, int);
};

/// What a kernel may use while it runs.
class KernelContext {
 public:
  virtual ~KernelContext() = default;
  /// Runs body(0..chunks-1) over the pool and returns when all are done. Chunks are taken dynamically: what a
  /// chunk computes must depend on the problem and the chunk number only, never on the worker.
  virtual void parallel(int64_t chunks, ChunkFunction body) = 0;
  /// At least `bytes` of 64-byte aligned scratch private to `worker`, kept between kernels. Contents are
  /// undefined.
  virtual void* scratch(int worker, size_t bytes) = 0;
  /// Reports a data-dependent fault (say, a label out of range); the outputs of this kernel are then
  /// poisoned. Callable from any worker; the first report wins.
  virtual void fault(ErrorCode code, const std::string& message) = 0;

  const StepBlock* step = nullptr;  ///< in device memory
  void* workspace = nullptr;        ///< Implementation::workspace bytes, 64-byte aligned, undefined contents
  const void* packed = nullptr;     ///< the packed filter, for implementations that ask for one
};

/// One implementation of one kernel, type-erased. Made by implementation<>() below.
struct Implementation {
  const char* name = nullptr;  ///< names the algorithm: "implicit_gemm", "ref", ...
  /// Empty when the problem is accepted, else the reason why not.
  std::string (*supports)(const void* problem) = nullptr;
  void (*run)(const void* problem, void* const* operands, KernelContext& context) = nullptr;
  /// Bytes of workspace; null: none. A function of the problem only.
  size_t (*workspace)(const void* problem) = nullptr;
  /// Filter packing: bytes of the packed form (null or 0: no packing), its format name and the packing
  /// itself. `packed_operand` is the operand that is packed; the packed form is cached by (storage, version,
  /// format).
  size_t (*packed_bytes)(const void* problem) = nullptr;
  void (*pack)(const void* problem, const void* source, void* packed, KernelContext& context) = nullptr;
  const char* packed_format = nullptr;
  /// The extents of the packed operand: the same storage may be seen as filters of different shapes.
  std::string (*packed_extents)(const void* problem) = nullptr;
  int packed_operand = -1;
  /// Bytes of device memory that it loads and stores, as the opening block of its file says. Null: each
  /// operand once, see operand_traffic. For CUDA's, which softgpu holds to it.
  double (*traffic)(const void* problem) = nullptr;
};
using ImplementationList = std::vector<Implementation>;

/// Operand structs are plain lists of pointers in the order of `operands()`.
template <class Args>
Args bind_operands(void* const* operands) {
  static_assert(std::is_trivially_copyable_v<Args> && sizeof(Args) % sizeof(void*) == 0);
  Args args;
  std::memcpy(static_cast<void*>(&args), operands, sizeof(Args));
  return args;
}

/// A multi-tensor operand struct has `Args(const Problem&, void* const*)` instead.
template <class Args, class Problem>
Args bind(const Problem& problem, void* const* operands) {
  if constexpr (std::is_constructible_v<Args, const Problem&, void* const*>)
    return Args(problem, operands);
  else
    return bind_operands<Args>(operands);
}

/// Wraps a typed kernel function: implementation<Softmax<float>, &softmax_rows>("rows").
template <class Args, auto Run, auto Supports = nullptr, auto Workspace = nullptr>
Implementation implementation(const char* name) {
  using Problem = typename Args::Problem;
  Implementation made;
  made.name = name;
  made.supports = [](const void* problem) -> std::string {
    if constexpr (std::is_same_v<decltype(Supports), std::nullptr_t>)
      return (void)problem, std::string{};
    else
      return Supports(*static_cast<const Problem*>(problem));
  };
  made.run = [](const void* problem, void* const* operands, KernelContext& context) {
    const Problem& typed = *static_cast<const Problem*>(problem);
    Run(typed, bind<Args>(typed, operands), context);
  };
  if constexpr (!std::is_same_v<decltype(Workspace), std::nullptr_t>) {
    made.workspace = [](const void* problem) -> size_t {
      return Workspace(*static_cast<const Problem*>(problem));
    };
  }
  return made;
}

/// Adds filter packing to an implementation.
template <class Problem, auto Bytes, auto Pack>
Implementation with_packing(Implementation made, const char* packed_format, int operand) {
  made.packed_bytes = [](const void* problem) -> size_t {
    return Bytes(*static_cast<const Problem*>(problem));
  };
  made.pack = [](const void* problem, const void* source, void* packed, KernelContext& context) {
    Pack(*static_cast<const Problem*>(problem), static_cast<const float*>(source),
         static_cast<float*>(packed), context);
  };
  made.packed_format = packed_format;
  made.packed_extents = [](const void* problem) {
    return static_cast<const Problem*>(problem)->filter_extents().text();
  };
  made.packed_operand = operand;
  return made;
}

/// Adds the bytes that an implementation moves.
template <class Problem, auto Traffic>
Implementation with_traffic(Implementation made) {
  made.traffic = [](const void* problem) -> double { return Traffic(*static_cast<const Problem*>(problem)); };
  return made;
}

enum class KernelId : int {
#define LAPIDARY_KERNEL(name, Args) name,
#include "ops/kernels.def"
#undef LAPIDARY_KERNEL
};

inline constexpr int kKernelCount = 0
#define LAPIDARY_KERNEL(name, Args) +1
#include "ops/kernels.def"
#undef LAPIDARY_KERNEL
    ;

/// The kernels of one backend (on the CPU: of one instruction set), in the order of KernelId.
using KernelTable = std::array<ImplementationList, kKernelCount>;

/// What the engine knows of a kernel besides its implementations; built from kernels.def in ops/kernels.cpp.
struct KernelInfo {
  const char* name;
  std::shared_ptr<void> (*parse)(std::string_view text);  ///< a problem from its text
  std::string (*text)(const void* problem);
  Operands (*operands)(const void* problem);
  double (*flops)(const void* problem);  ///< 0 when the problem does not count them
  size_t problem_size;
};
const KernelInfo& kernel_info(KernelId id);

/// Says what a kernel found wrong in its data; null: nothing.
using FaultCheck = std::function<std::unique_ptr<Error>()>;

/// Work that a backend has recorded, to run again as a whole.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  /// As `Backend::run`, on the driver thread.
  virtual void run() = 0;
};

/// A device's memory, copies, events and kernels. Memory is handed out at enqueue and used in stream order.
///
/// What the driver thread calls may return before the device has done it (CUDA) or after (CPU); the order is
/// that of the calls either way.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const noexcept = 0;
  /// The device in words: "avx512", "NVIDIA H100 80GB HBM3, sm_90".
  virtual std::string description() const = 0;

  virtual void* allocate(size_t bytes) = 0;  ///< null when the device has none left
  virtual void release(void* block, size_t bytes) noexcept = 0;
  /// Host memory that copies are made from; null when the system has none left.
  virtual void* allocate_host(size_t bytes) = 0;
  virtual void release_host(void* block) noexcept = 0;
  /// Bytes that tensors may take together.
  virtual size_t memory_limit() const = 0;

  /// Copies run as stream tasks. For the CPU both sides are host memory. `host` must stay as it is until the
  /// copy is done (see keep_until_done) where it is memory of `allocate_host`, else until the call returns.
  virtual void copy_in(void* device, const void* host, size_t bytes) = 0;
  /// Returns when the bytes are there.
  virtual void copy_out(void* host, const void* device, size_t bytes) = 0;
  /// Owns `kept` until everything so far is done.
  virtual void keep_until_done(std::shared_ptr<void> kept) = 0;
  /// Returns when everything so far is done. Throws ERR_DEVICE when the device has failed.
  virtual void synchronize() = 0;
  /// Milliseconds that the device takes for what `work` enqueues.
  virtual double measure(const std::function<void()>& work) = 0;
  /// Events order streams (copies, communication) from the start; the one stream is in order by itself.
  virtual uint64_t record_event() = 0;
  virtual void wait_event(uint64_t event) = 0;

  /// Kernels by instruction set ("base", "avx2", "avx512", or "cuda"; empty: the one chosen at load). Null
  /// when not available.
  virtual const KernelTable* kernels(std::string_view isa) const = 0;
  virtual const char* isa() const noexcept = 0;
  /// Runs one implementation (called by tasks on the stream's driver thread). Throws what the kernel faulted
  /// with, if that is known already; else `take_check` tells.
  virtual void run(const Implementation& implementation, const void* problem, void* const* operands,
                   void* workspace, const void* packed, const StepBlock* step) = 0;
  /// How to ask what has been run since the last call of this, after the next `read_checks`; empty when there
  /// is nothing to ask.
  virtual FaultCheck take_check() = 0;
  /// When the device is done: fetches what the kernels have reported since the last time.
  virtual void read_checks() = 0;
  /// Packs a filter now (on the driver thread).
  virtual void pack(const Implementation& implementation, const void* problem, const void* source,
                    void* packed) = 0;
  /// Whether work can be recorded.
  virtual bool records() const noexcept = 0;
  /// Records what `work` would run, without running it.
  virtual std::unique_ptr<RecordedWork> record(const std::function<void()>& work) = 0;

  virtual int threads() const noexcept = 0;
  /// On the driver thread only.
  virtual void set_threads(int threads) = 0;
};

}  // namespace lapidary
