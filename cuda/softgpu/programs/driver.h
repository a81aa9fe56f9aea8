// The CUDA driver API as these programs use it: types, entry points found by name at run time, errors as
// exceptions.
//
// The library is the one that LAPIDARY_CUDA_DRIVER names, or libcuda.so.1: the same executable runs on
// softgpu and on a GPU. Nothing of CUDA's headers is needed to compile a host program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace softgpu::programs {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = std::uint64_t;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphExec = struct CUgraphExec_st*;
using CUhostFn = void (*)(void*);

/// The results that programs look at by name; every other is only not `kSuccess`.
enum : CUresult {
  kSuccess = 0,
  kInvalidValue = 1,
  kNotReady = 600,
  kIllegalAddress = 700,
  kOutOfResources = 701,
  kTimeout = 702,
  kAssert = 710,
  kIllegalInstruction = 715,
  kMisalignedAddress = 716,
  kLaunchFailed = 719,
};
enum : int {
  kAttributeSharedPerBlockOptIn = 97,  ///< of a device
  kFunctionMaximumThreads = 0,         ///< of a function
  kFunctionMaximumDynamicShared = 8,   ///< of a function
  kCaptureThreadLocal = 1,             ///< mode of cuStreamBeginCapture
};
enum : unsigned { kStreamNonBlocking = 1 };

/// A driver call that returned an error.
class DriverError : public std::runtime_error {
 public:
  DriverError(const char* function, CUresult code);
  CUresult code;
};

/// One function of the driver. Calling it throws DriverError unless it returns `kSuccess`; `result` hands the
/// code back.
template <class... Arguments>
class Entry {
 public:
  Entry(void* library, const char* name)
      : name_(name), function_(reinterpret_cast<Function>(find(library, name))) {}
  void operator()(Arguments... arguments) const {
    if (const CUresult code = result(arguments...); code != kSuccess) throw DriverError(name_, code);
  }
  CUresult result(Arguments... arguments) const { return function_(arguments...); }

 private:
  using Function = CUresult (*)(Arguments...);
  static void* find(void* library, const char* name);
  const char* name_;
  Function function_;
};

/// Looks `name` up in `library`; throws std::runtime_error when it is not there.
void* driver_symbol(void* library, const char* name);
template <class... Arguments>
void* Entry<Arguments...>::find(void* library, const char* name) {
  return driver_symbol(library, name);
}

// name, then parameter types
#define SOFTGPU_DRIVER_FUNCTIONS(F)                                                                    \
  F(cuInit, unsigned)                                                                                  \
  F(cuDeviceGet, CUdevice*, int)                                                                       \
  F(cuDeviceGetName, char*, int, CUdevice)                                                             \
  F(cuDeviceGetAttribute, int*, int, CUdevice)                                                         \
  F(cuDevicePrimaryCtxRetain, CUcontext*, CUdevice)                                                    \
  F(cuDevicePrimaryCtxRelease_v2, CUdevice)                                                            \
  F(cuCtxSetCurrent, CUcontext)                                                                        \
  F(cuCtxSynchronize)                                                                                  \
  F(cuModuleLoadData, CUmodule*, const void*)                                                          \
  F(cuModuleUnload, CUmodule)                                                                          \
  F(cuModuleGetFunction, CUfunction*, CUmodule, const char*)                                           \
  F(cuModuleGetGlobal_v2, CUdeviceptr*, std::size_t*, CUmodule, const char*)                           \
  F(cuFuncGetAttribute, int*, int, CUfunction)                                                         \
  F(cuFuncSetAttribute, CUfunction, int, int)                                                          \
  F(cuMemAlloc_v2, CUdeviceptr*, std::size_t)                                                          \
  F(cuMemFree_v2, CUdeviceptr)                                                                         \
  F(cuMemAllocAsync, CUdeviceptr*, std::size_t, CUstream)                                              \
  F(cuMemFreeAsync, CUdeviceptr, CUstream)                                                             \
  F(cuMemHostAlloc, void**, std::size_t, unsigned)                                                     \
  F(cuMemFreeHost, void*)                                                                              \
  F(cuMemcpyHtoD_v2, CUdeviceptr, const void*, std::size_t)                                            \
  F(cuMemcpyDtoH_v2, void*, CUdeviceptr, std::size_t)                                                  \
  F(cuMemcpyDtoD_v2, CUdeviceptr, CUdeviceptr, std::size_t)                                            \
  F(cuMemcpyHtoDAsync_v2, CUdeviceptr, const void*, std::size_t, CUstream)                             \
  F(cuMemcpyDtoHAsync_v2, void*, CUdeviceptr, std::size_t, CUstream)                                   \
  F(cuMemsetD8_v2, CUdeviceptr, unsigned char, std::size_t)                                            \
  F(cuMemsetD32Async, CUdeviceptr, unsigned, std::size_t, CUstream)                                    \
  F(cuStreamCreate, CUstream*, unsigned)                                                               \
  F(cuStreamDestroy_v2, CUstream)                                                                      \
  F(cuStreamSynchronize, CUstream)                                                                     \
  F(cuStreamQuery, CUstream)                                                                           \
  F(cuStreamWaitEvent, CUstream, CUevent, unsigned)                                                    \
  F(cuLaunchHostFunc, CUstream, CUhostFn, void*)                                                       \
  F(cuEventCreate, CUevent*, unsigned)                                                                 \
  F(cuEventDestroy_v2, CUevent)                                                                        \
  F(cuEventRecord, CUevent, CUstream)                                                                  \
  F(cuEventQuery, CUevent)                                                                             \
  F(cuEventSynchronize, CUevent)                                                                       \
  F(cuEventElapsedTime, float*, CUevent, CUevent)                                                      \
  F(cuLaunchKernel, CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,  \
    CUstream, void**, void**)                                                                          \
  F(cuLaunchCooperativeKernel, CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, \
    unsigned, CUstream, void**)                                                                        \
  F(cuStreamBeginCapture_v2, CUstream, int)                                                            \
  F(cuStreamEndCapture, CUstream, CUgraph*)                                                            \
  F(cuGraphInstantiateWithFlags, CUgraphExec*, CUgraph, unsigned long long)                            \
  F(cuGraphLaunch, CUgraphExec, CUstream)                                                              \
  F(cuGraphExecDestroy, CUgraphExec)                                                                   \
  F(cuGraphDestroy, CUgraph)

/// Every entry point, and what only softgpu exports.
struct Driver {
  explicit Driver(void* library);

#define SOFTGPU_DECLARE(name, ...) Entry<__VA_ARGS__> name;
  SOFTGPU_DRIVER_FUNCTIONS(SOFTGPU_DECLARE)
#undef SOFTGPU_DECLARE

  std::string path;  ///< of the library

  // What softgpu exports beside the driver API (../driver/softgpu.h); null on a GPU.
  const char* (*softgpuFindings)();
  const char* (*softgpuCounters)();
  void (*softgpuClearFindings)();
  int (*softgpuSetSeed)(std::uint64_t seed);
  int (*softgpuDeclareMatrix)(CUdeviceptr base, std::uint64_t rows, std::uint64_t columns,
                              std::uint64_t leading, std::uint32_t element_bytes, std::uint32_t role);
  bool software() const { return softgpuFindings != nullptr; }
};

/// The driver of this process, loaded and initialised at the first call; throws std::runtime_error when there
/// is none.
const Driver& driver();

}  // namespace softgpu::programs
