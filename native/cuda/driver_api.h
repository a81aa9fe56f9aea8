// The CUDA driver API as the backend uses it: types, and entry points found by name at run time, so that the
// addon needs nothing of a toolkit to be built and nothing of CUDA to be loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace lapidary::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = uint64_t;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphExec = struct CUgraphExec_st*;

// Values of cuda.h that we name.
inline constexpr CUresult kSuccess = 0, kOutOfMemory = 2, kNotFound = 500, kNotReady = 600;
inline constexpr unsigned kStreamNonBlocking = 1, kEventDisableTiming = 2;
inline constexpr int kCaptureRelaxed = 2;
inline constexpr int kFunctionMaximumDynamicShared = 8;
enum class DeviceAttribute : int {
  MaxSharedPerBlockOptIn = 97,
  Multiprocessors = 16,
  ComputeMajor = 75,
  ComputeMinor = 76,
};

/// One entry point; its name goes into error messages.
template <class... Arguments>
struct Entry {
  const char* name;
  CUresult (*function)(Arguments...) = nullptr;
};

/// The library and its entry points. Made once a process.
class DriverApi {
 public:
  /// Opens the library that LAPIDARY_CUDA_DRIVER names, else libcuda.so.1. Throws ERR_DEVICE with the reason.
  DriverApi();

  /// Calls an entry; throws ERR_DEVICE (ERR_OUT_OF_MEMORY for that) unless it succeeds. See also `failed`.
  template <class... Arguments, class... Given>
  void call(const Entry<Arguments...>& entry, Given... given) const {
    check(entry.function(given...), entry.name);
  }
  void check(CUresult result, const char* what) const;
  /// "CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access was encountered"
  std::string describe(CUresult result) const;
  /// Errors after which a context is good for nothing: of a kernel that ran.
  static bool sticky(CUresult result) noexcept;

  const std::string& library() const noexcept { return library_; }
  /// An entry point that not every driver has; null when this one lacks it.
  void* symbol(const char* name) const noexcept;

  Entry<unsigned> init{"cuInit"};
  Entry<int*> driver_version{"cuDriverGetVersion"};
  Entry<int*> device_count{"cuDeviceGetCount"};
  Entry<CUdevice*, int> device_get{"cuDeviceGet"};
  Entry<char*, int, CUdevice> device_name{"cuDeviceGetName"};
  Entry<size_t*, CUdevice> device_memory{"cuDeviceTotalMem_v2"};
  Entry<int*, int, CUdevice> device_attribute{"cuDeviceGetAttribute"};
  Entry<CUcontext*, CUdevice> retain_context{"cuDevicePrimaryCtxRetain"};
  Entry<CUcontext> set_context{"cuCtxSetCurrent"};
  Entry<size_t*, size_t*> memory_info{"cuMemGetInfo_v2"};
  Entry<CUdeviceptr*, size_t> allocate{"cuMemAlloc_v2"};
  Entry<CUdeviceptr> release{"cuMemFree_v2"};
  Entry<void**, size_t, unsigned> allocate_host{"cuMemHostAlloc"};
  Entry<void*> release_host{"cuMemFreeHost"};
  Entry<CUdeviceptr, const void*, size_t, CUstream> copy_in{"cuMemcpyHtoDAsync_v2"};
  Entry<void*, CUdeviceptr, size_t, CUstream> copy_out{"cuMemcpyDtoHAsync_v2"};
  Entry<CUdeviceptr, unsigned, size_t, CUstream> set_words{"cuMemsetD32Async"};
  Entry<CUstream*, unsigned> create_stream{"cuStreamCreate"};
  Entry<CUstream> synchronize_stream{"cuStreamSynchronize"};
  Entry<CUevent*, unsigned> create_event{"cuEventCreate"};
  Entry<CUevent, CUstream> record_event{"cuEventRecord"};
  Entry<CUevent> query_event{"cuEventQuery"};
  Entry<float*, CUevent, CUevent> elapsed{"cuEventElapsedTime"};
  Entry<CUevent> destroy_event{"cuEventDestroy_v2"};
  Entry<CUmodule*, const void*> load_module{"cuModuleLoadData"};
  Entry<CUfunction*, CUmodule, const char*> get_function{"cuModuleGetFunction"};
  Entry<CUfunction, int, int> set_function_attribute{"cuFuncSetAttribute"};
  Entry<CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void**,
        void**>
      launch{"cuLaunchKernel"};
  Entry<CUstream, int> begin_capture{"cuStreamBeginCapture_v2"};
  Entry<CUstream, CUgraph*> end_capture{"cuStreamEndCapture"};
  Entry<CUgraphExec*, CUgraph, unsigned long long> instantiate{"cuGraphInstantiateWithFlags"};
  Entry<CUgraphExec, CUstream> launch_graph{"cuGraphLaunch"};
  Entry<CUgraphExec> destroy_graph_exec{"cuGraphExecDestroy"};
  Entry<CUgraph> destroy_graph{"cuGraphDestroy"};
  Entry<CUresult, const char**> error_name{"cuGetErrorName"};
  Entry<CUresult, const char**> error_text{"cuGetErrorString"};

 private:
  template <class... Arguments>
  void find(Entry<Arguments...>& entry);

  std::string library_;
  void* handle_ = nullptr;  // never closed: its threads may run until the process ends
};

}  // namespace lapidary::cuda
