#include "cuda/software_counters.h"

#include "core/error.h"
#include "cuda/driver_api.h"

namespace lapidary::cuda {
namespace {

template <class Function>
Function* counter_entry(const char* name) {
  static const DriverApi api;
  void* const found = api.symbol(name);
  if (!found) {
    fail(ErrorCode::Unsupported,
         "the CUDA driver %s does not count what kernels do; softgpu does: npm run build:softgpu, then "
         "LAPIDARY_CUDA_DRIVER=build/softgpu/libsoftgpu.so",
         api.library().c_str());
  }
  return reinterpret_cast<Function*>(found);
}

}  // namespace

std::string software_counters() { return counter_entry<const char*()>("softgpuCounters")(); }

void clear_software_counters() { counter_entry<void()>("softgpuClearCounters")(); }

}  // namespace lapidary::cuda
