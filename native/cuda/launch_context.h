// How the host side of a CUDA kernel starts it.
//
// Device code lies in cuda/kernels/**/<file>.cu, its parameters in a header beside it, which both sides
// include: every __global__ function takes exactly one parameter struct by value, so host and device agree by
// construction.
//
//     void softmax_rows(const SoftmaxProblem& p, const SoftmaxForward<float>& args, LaunchContext& context) {
//       context.launch({"softmax", "softmax_rows"}, {rows}, {128}, SoftmaxRows{args.x, args.y, p.rows,
//       p.classes});
//     }
//     ImplementationList softmax_forward() {
//       return {implementation<SoftmaxForward<float>, &softmax_rows>("rows")};
//     }
#pragma once

#include "backend.h"

namespace lapidary::cuda {

/// A __global__ function: the stem of its file in cuda/kernels/ (stems are unique), and its (extern "C")
/// name.
struct Kernel {
  std::string_view file, function;
};

/// Of a grid in blocks, or of a block in threads.
struct Extent {
  int64_t x = 1, y = 1, z = 1;
};

/// Blocks of `size` that cover `count`.
constexpr int64_t ceil_div(int64_t count, int64_t size) { return (count + size - 1) / size; }

/// What a kernel writes its first data-dependent fault into; see cuda/device/fault.cuh.
using FaultWord = unsigned long long;
/// The error for what the kernel reported.
using DescribeFault = std::function<Error(uint32_t position, int32_t value)>;

class LaunchContext final : public KernelContext {
 public:
  /// What runs the launches: the backend.
  class Launcher {
   public:
    virtual void launch(Kernel kernel, Extent grid, Extent block, size_t shared_bytes, void* parameters) = 0;
    virtual FaultWord* fault_word(DescribeFault describe) = 0;
    virtual void copy_from_host(void* device, std::shared_ptr<void> host, size_t bytes) = 0;
    virtual void set_zero(void* device, size_t bytes) = 0;

   protected:
    ~Launcher() = default;
  };
  explicit LaunchContext(Launcher& launcher) : launcher_(launcher) {}

  /// Enqueues a kernel with `shared_bytes` of dynamic shared memory. Grids may have up to 2^31 - 1 blocks in
  /// x, 65,535 in y and z. Throws ERR_DEVICE when the image lacks it or the device refuses.
  template <class Parameters>
  void launch(Kernel kernel, Extent grid, Extent block, const Parameters& parameters,
              size_t shared_bytes = 0) {
    static_assert(std::is_trivially_copyable_v<Parameters> && sizeof(Parameters) <= 4096,
                  "kernels of every architecture take at most 4 KB of parameters");
    Parameters copy = parameters;
    launcher_.launch(kernel, grid, block, shared_bytes, &copy);
  }

  /// A word for a kernel that checks what its data say: it stays as it is unless the kernel reports a fault.
  /// The error is thrown later, when the device is found to be done; the outputs are poisoned then.
  FaultWord* fault_word(DescribeFault describe) { return launcher_.fault_word(std::move(describe)); }

  /// Copies what the host has computed; `host` is kept until that is done.
  void copy_from_host(void* device, std::shared_ptr<void> host, size_t bytes) {
    launcher_.copy_from_host(device, std::move(host), bytes);
  }
  /// Fills with zero bytes; a multiple of 4 of them.
  void set_zero(void* device, size_t bytes) { launcher_.set_zero(device, bytes); }

  // Of the CPU's kernels only.
  void parallel(int64_t, ChunkFunction) override {
    fail(ErrorCode::Internal, "no host pool in a CUDA kernel");
  }
  void* scratch(int, size_t) override { fail(ErrorCode::Internal, "no host scratch in a CUDA kernel"); }
  void fault(ErrorCode code, const std::string& message) override { throw Error(code, message); }

 private:
  Launcher& launcher_;
};

namespace launch_detail {
template <class Args, auto Run>
void run(const typename Args::Problem& problem, const Args& args, KernelContext& context) {
  Run(problem, args, static_cast<LaunchContext&>(context));
}
}  // namespace launch_detail

/// Wraps the host side of a kernel: Run(problem, operands in device memory, LaunchContext&). `Workspace`
/// bytes of device memory are at context.workspace.
template <class Args, auto Run, auto Supports = nullptr, auto Workspace = nullptr>
Implementation implementation(const char* name) {
  return lapidary::implementation<Args, &launch_detail::run<Args, Run>, Supports, Workspace>(name);
}

}  // namespace lapidary::cuda
