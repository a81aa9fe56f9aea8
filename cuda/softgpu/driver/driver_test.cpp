// The driver API seen from a host: arguments, handles, contexts, memory, copies, launches, errors.
//   driver_test        prints "N passed, N failed"
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include "test_host.h"

using namespace softgpu::test;

namespace {

void before_init() {
  int count = -1;
  CUcontext context = nullptr;
  CODE(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&count));
  CODE(CUDA_ERROR_NOT_INITIALIZED, cuDevicePrimaryCtxRetain(&context, 0));
  CODE(CUDA_ERROR_NOT_INITIALIZED, cuCtxSynchronize());
  CODE(CUDA_ERROR_INVALID_VALUE, cuInit(1));
  CHECK(std::strcmp(softgpuFindings(), "[]") == 0);
  OK(cuInit(0));
  OK(cuInit(0));
  int version = 0;
  OK(cuDriverGetVersion(&version));
  CHECK(version == 13000);
}

void errors() {
  const char* text = nullptr;
  OK(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  CHECK(std::strcmp(text, "CUDA_ERROR_ILLEGAL_ADDRESS") == 0);
  OK(cuGetErrorString(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  CHECK(std::strcmp(text, "an illegal memory access was encountered") == 0);
  OK(cuGetErrorName(CUDA_SUCCESS, &text));
  CODE(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(static_cast<CUresult>(12345), &text));
  CHECK(text == nullptr);
  CODE(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(CUDA_SUCCESS, nullptr));
}

void symbols() {
  void* address = nullptr;
  CUdriverProcAddressQueryResult status = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  OK(cuGetProcAddress_v2("cuMemAlloc", &address, 13000, 0, &status));
  CHECK(address == reinterpret_cast<void*>(cuMemAlloc_v2) && status == CU_GET_PROC_ADDRESS_SUCCESS);
  OK(cuGetProcAddress_v2("cuCtxGetDevice", &address, 13000, 0, &status));
  CHECK(address == reinterpret_cast<void*>(cuCtxGetDevice));
  OK(cuGetProcAddress_v2("cuNoSuchCall", &address, 13000, 0, &status));
  CHECK(address == nullptr && status == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  CODE(CUDA_ERROR_NOT_FOUND, cuGetProcAddress_v2("cuNoSuchCall", &address, 13000, 0, nullptr));
  OK(cuGetProcAddress_v2("cuMemAllocManaged", &address, 13000, 0, &status));
  using Unknown = CUresult (*)();
  CODE(CUDA_ERROR_NOT_SUPPORTED, reinterpret_cast<Unknown>(address)());
  CODE(CUDA_ERROR_INVALID_VALUE, cuGetProcAddress_v2(nullptr, &address, 13000, 0, &status));
}

void device() {
  CUdevice device = -1;
  OK(cuDeviceGet(&device, 0));
  CODE(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, 1));
  CODE(CUDA_ERROR_INVALID_VALUE, cuDeviceGet(nullptr, 0));
  int value = 0;
  OK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0));
  CHECK(value == 108);
  OK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0));
  CHECK(value == 8);
  OK(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(83), 0));  // managed memory
  CHECK(value == 0);
  CODE(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(4711), 0));
  CODE(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 7));
  char name[8];
  OK(cuDeviceGetName(name, sizeof name, 0));
  CHECK(std::strcmp(name, "softgpu") == 0);
}

void contexts() {
  CODE(CUDA_ERROR_INVALID_CONTEXT, cuCtxSynchronize());
  CUcontext primary = nullptr, own = nullptr, current = nullptr;
  CODE(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
  OK(cuDevicePrimaryCtxRetain(&primary, 0));
  unsigned flags = 1;
  int active = 0;
  OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK(flags == 0 && active == 1);
  OK(cuCtxSetCurrent(primary));
  OK(cuCtxSynchronize());
  // Contexts are current per thread.
  std::thread([] {
    CODE(CUDA_ERROR_INVALID_CONTEXT, cuCtxSynchronize());
    CUcontext none = nullptr;
    OK(cuCtxGetCurrent(&none));
    CHECK(none == nullptr);
  }).join();
  OK(cuCtxCreate_v4(&own, nullptr, 0, 0));
  OK(cuCtxGetCurrent(&current));
  CHECK(current == own);
  CUdeviceptr memory = 0;
  OK(cuMemAlloc_v2(&memory, 64));
  OK(cuCtxDestroy_v2(own));
  OK(cuCtxGetCurrent(&current));
  CHECK(current == primary);
  CODE(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(own));
  CODE(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy_v2(own));
  CODE(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy_v2(reinterpret_cast<CUcontext>(&memory)));
  CODE(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy_v2(primary));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory));  // went with its context
  softgpuClearFindings();
  OK(cuCtxPushCurrent_v2(primary));
  OK(cuCtxPopCurrent_v2(&current));
  OK(cuDevicePrimaryCtxRelease_v2(0));
  CODE(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuCtxSynchronize());
  OK(cuDevicePrimaryCtxRetain(&primary, 0));
  OK(cuCtxSynchronize());
  OK(cuCtxSetCurrent(nullptr));
  CODE(CUDA_ERROR_INVALID_CONTEXT, cuCtxPopCurrent_v2(&current));
  OK(cuDevicePrimaryCtxRelease_v2(0));
}

void modules(Host& host) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  CODE(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(nullptr, kPtx));
  CODE(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(&module, nullptr));
  CODE(CUDA_ERROR_FILE_NOT_FOUND, cuModuleLoad(&module, "/no/such/file"));
  char log[64];
  std::memset(log, 'x', sizeof log);
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  CODE(CUDA_ERROR_INVALID_PTX,
       cuModuleLoadDataEx(&module, ".version 7.0\n.target sm_80\n.address_size 64\n.entry f( {", 2, options,
                          values));
  const auto written = reinterpret_cast<std::size_t>(values[1]);
  CHECK(written > 0 && written < sizeof log && std::strlen(log) == written);
  CODE(CUDA_ERROR_INVALID_PTX, cuModuleLoadData(&module, ".version 7.8\n.target sm_90\n.address_size 64\n"));
  OK(cuModuleLoadData(&module, kPtx));
  CODE(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&function, module, "nobody"));
  CODE(CUDA_ERROR_INVALID_VALUE, cuModuleGetFunction(&function, module, nullptr));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuModuleGetFunction(&function, nullptr, "fill"));
  OK(cuModuleGetFunction(&function, module, "fill"));
  CUfunction again = nullptr;
  OK(cuModuleGetFunction(&again, module, "fill"));
  CHECK(again == function);
  CUdeviceptr address = 0;
  std::size_t bytes = 0;
  OK(cuModuleGetGlobal_v2(&address, &bytes, module, "table"));
  CHECK(bytes == 64 && address != 0);
  char zeros[64];
  std::memset(zeros, 1, sizeof zeros);
  OK(cuMemcpyDtoH_v2(zeros, address, sizeof zeros));
  CHECK(zeros[0] == 0 && zeros[63] == 0);
  OK(cuModuleGetGlobal_v2(nullptr, &bytes, module, "limits"));
  CHECK(bytes == 32);
  CODE(CUDA_ERROR_NOT_FOUND, cuModuleGetGlobal_v2(&address, &bytes, module, "nobody"));
  unsigned count = 0;
  OK(cuModuleGetFunctionCount(&count, module));
  CHECK(count == 5);
  OK(cuModuleUnload(module));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(module));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuFuncGetModule(&module, function));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));

  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  OK(cuLibraryLoadData(&library, kPtx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  OK(cuLibraryGetKernel(&kernel, library, "fill"));
  const char* name = nullptr;
  OK(cuKernelGetName(&name, kernel));
  CHECK(std::strcmp(name, "fill") == 0);
  std::size_t offset = 0, size = 0;
  OK(cuKernelGetParamInfo(kernel, 2, &offset, &size));
  CHECK(offset == 12 && size == 4);
  CODE(CUDA_ERROR_INVALID_VALUE, cuKernelGetParamInfo(kernel, 3, &offset, &size));
  const CUdeviceptr out = host.allocate(256);
  unsigned value = 3, n = 64;
  void* parameters[] = {const_cast<CUdeviceptr*>(&out), &value, &n};
  OK(cuLaunchKernel(reinterpret_cast<CUfunction>(kernel), 1, 1, 1, 64, 1, 1, 0, nullptr, parameters,
                    nullptr));
  OK(cuCtxSynchronize());
  OK(cuLibraryUnload(library));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuKernelGetName(&name, kernel));
  OK(cuMemFree_v2(out));
}

void memory(Host& host) {
  CUdeviceptr a = 0;
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(nullptr, 4));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&a, 0));
  CODE(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&a, std::size_t{1} << 60));
  CHECK(a == 0);
  OK(cuMemAlloc_v2(&a, 100));
  CHECK(a % 256 == 0);
  CUdeviceptr base = 0;
  std::size_t bytes = 0;
  OK(cuMemGetAddressRange_v2(&base, &bytes, a + 99));
  CHECK(base == a && bytes == 100);
  CODE(CUDA_ERROR_NOT_FOUND, cuMemGetAddressRange_v2(&base, &bytes, a + 100));
  unsigned type = 0;
  OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, a));
  CHECK(type == CU_MEMORYTYPE_DEVICE);
  CODE(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 16));
  char host_bytes[128] = {};
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(a, host_bytes, 101));  // one byte too many
  CHECK(found("\"bounds\""));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(a, nullptr, 4));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(a, reinterpret_cast<void*>(a), 4));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(0, host_bytes, 4));
  OK(cuMemcpyHtoD_v2(a, nullptr, 0));
  OK(cuMemFree_v2(a));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(a));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(a + 4));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(a, host_bytes, 4));
  CHECK(found("freed allocation"));
  softgpuClearFindings();
  // What was freed is not handed out again at once.
  CHECK(host.allocate(100) != a);

  void* pinned = nullptr;
  OK(cuMemHostAlloc(&pinned, 5000, CU_MEMHOSTALLOC_PORTABLE));
  OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(pinned)));
  CHECK(type == CU_MEMORYTYPE_HOST);
  CODE(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(static_cast<char*>(pinned) + 8, 8, 0));
  CODE(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(pinned));
  OK(cuMemFreeHost(pinned));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(pinned));
  OK(cuMemHostRegister_v2(host_bytes, sizeof host_bytes, 0));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(host_bytes));
  OK(cuMemHostUnregister(host_bytes));

  std::size_t free_before = 0, free_after = 0, total = 0;
  OK(cuMemGetInfo_v2(&free_before, &total));
  OK(cuMemAllocAsync(&a, 1 << 20, nullptr));
  OK(cuMemGetInfo_v2(&free_after, &total));
  CHECK(free_before - free_after >= 1 << 20);
  CHECK(std::strstr(softgpuLeaks(), "1048576") != nullptr);
  OK(cuMemFreeAsync(a, nullptr));
  OK(cuMemGetInfo_v2(&free_after, &total));
  CHECK(free_before == free_after);
}

void copies(Host& host) {
  constexpr std::size_t kWidth = 24, kHeight = 5, kPitch = 512;
  std::vector<unsigned char> source(kWidth * kHeight), back(kWidth * kHeight);
  for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<unsigned char>(i * 7);
  CUdeviceptr pitched = 0;
  std::size_t pitch = 0;
  OK(cuMemAllocPitch_v2(&pitched, &pitch, kWidth, kHeight, 4));
  CHECK(pitch == kPitch);
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = source.data();
  copy.srcPitch = kWidth;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = pitched;
  copy.dstPitch = pitch;
  copy.WidthInBytes = kWidth;
  copy.Height = kHeight;
  OK(cuMemcpy2D_v2(&copy));
  CUDA_MEMCPY2D home = {};
  home.srcMemoryType = CU_MEMORYTYPE_UNIFIED;
  home.srcDevice = pitched;
  home.srcPitch = pitch;
  home.srcY = 1;
  home.srcXInBytes = 4;
  home.dstMemoryType = CU_MEMORYTYPE_HOST;
  home.dstHost = back.data();
  home.dstPitch = 8;
  home.WidthInBytes = 8;
  home.Height = 3;
  OK(cuMemcpy2D_v2(&home));
  bool same = true;
  for (std::size_t y = 0; y < 3; ++y)
    same = same && std::memcmp(&back[y * 8], &source[(y + 1) * kWidth + 4], 8) == 0;
  CHECK(same);
  home.dstPitch = 7;
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D_v2(&home));
  home.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  CODE(CUDA_ERROR_NOT_SUPPORTED, cuMemcpy2D_v2(&home));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D_v2(nullptr));

  const CUdeviceptr a = host.allocate(64), b = host.allocate(64);
  OK(cuMemsetD32_v2(a, 0x01020304, 16));
  OK(cuMemsetD16_v2(a + 2, 0x0a0b, 1));
  OK(cuMemsetD8_v2(a, 0x7f, 1));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemsetD32_v2(a + 2, 0, 1));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemsetD32_v2(a, 0, 17));
  OK(cuMemcpyDtoD_v2(b, a, 64));
  unsigned words[16];
  OK(cuMemcpyDtoH_v2(words, b, 64));
  CHECK(words[0] == 0x0a0b037f && words[15] == 0x01020304);
  OK(cuMemcpy(reinterpret_cast<CUdeviceptr>(words), a, 4));
  softgpuClearFindings();
}

void launches(Host& host) {
  const CUdeviceptr out = host.allocate(1000);
  OK(host.launch_fill(out, 42, 250, nullptr));
  std::vector<unsigned> words(250);
  OK(cuMemcpyDtoH_v2(words.data(), out, 1000));
  CHECK(words[0] == 42 && words[249] == 42);
  // Parameters packed in a buffer.
  struct {
    CUdeviceptr out;
    unsigned value, n;
  } packed{out, 43, 250};
  std::size_t bytes = sizeof packed;
  void* extra[] = {reinterpret_cast<void*>(1), &packed, reinterpret_cast<void*>(2), &bytes, nullptr};
  OK(cuLaunchKernel(host.fill, 4, 1, 1, 64, 1, 1, 0, nullptr, nullptr, extra));
  OK(cuMemcpyDtoH_v2(words.data(), out, 1000));
  CHECK(words[249] == 43);
  bytes = 12;
  CODE(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(host.fill, 4, 1, 1, 64, 1, 1, 0, nullptr, nullptr, extra));
  CODE(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(host.fill, 4, 1, 1, 64, 1, 1, 0, nullptr, nullptr, nullptr));
  void* nulls[] = {nullptr, nullptr, nullptr};
  CODE(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(host.fill, 4, 1, 1, 64, 1, 1, 0, nullptr, nulls, nullptr));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, nulls, nullptr));
  CODE(CUDA_ERROR_INVALID_HANDLE,
       cuLaunchKernel(host.wild, 1, 1, 1, 1, 1, 1, 0, reinterpret_cast<CUstream>(&bytes), nullptr, nullptr));
  softgpuClearFindings();

  // Limits name their number.
  const auto launch = [&](CUfunction function, unsigned grid_y, unsigned block, unsigned shared) {
    CUdeviceptr address = out;
    std::uint64_t word = 0;  // wide enough for each kernel's parameters
    void* parameters[] = {&address, &word, &word};
    return cuLaunchKernel(function, 1, grid_y, 1, block, 1, 1, shared, nullptr, parameters, nullptr);
  };
  CODE(CUDA_ERROR_INVALID_VALUE, launch(host.fill, 1, 1025, 0));
  CHECK(found("\"limit\"") && found("1024"));
  CODE(CUDA_ERROR_INVALID_VALUE, launch(host.fill, 0, 32, 0));
  CODE(CUDA_ERROR_INVALID_VALUE, launch(host.fill, 65536, 32, 0));
  CHECK(found("65535"));
  CODE(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, launch(host.bounded, 1, 65, 0));
  CHECK(found("(.maxntid) allow 64"));
  CODE(CUDA_ERROR_INVALID_VALUE, launch(host.fill, 1, 32, 49153));
  CHECK(found("49152"));
  CODE(CUDA_ERROR_INVALID_VALUE, launch(host.hog, 1, 32, 49152 - 40000 + 1));
  CODE(CUDA_ERROR_INVALID_VALUE,
       cuFuncSetAttribute(host.fill, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 166913));
  OK(cuFuncSetAttribute(host.fill, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100000));
  OK(launch(host.fill, 1, 32, 100000));
  CODE(CUDA_ERROR_INVALID_VALUE, launch(host.fill, 1, 32, 100001));
  CODE(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(host.fill, CU_FUNC_ATTRIBUTE_NUM_REGS, 4));
  int value = 0;
  OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, host.hog));
  CHECK(value == 40000);
  OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, host.bounded));
  CHECK(value == 64);
  OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_PTX_VERSION, host.bounded));
  CHECK(value == 70);

  // Cooperative launches must fit: 4 blocks of 40,000 bytes a multiprocessor.
  int blocks = 0;
  OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, host.hog, 64, 0));
  CHECK(blocks == 4);
  unsigned a = 0;
  unsigned long long b = 0;
  void* parameters[] = {&a, &b};
  OK(cuLaunchCooperativeKernel(host.hog, 432, 1, 1, 64, 1, 1, 0, nullptr, parameters));
  CODE(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
       cuLaunchCooperativeKernel(host.hog, 433, 1, 1, 64, 1, 1, 0, nullptr, parameters));
  CHECK(found("432"));
  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  attribute.value.cooperative = 1;
  CUlaunchConfig config = {433, 1, 1, 64, 1, 1, 0, nullptr, &attribute, 1};
  CODE(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, cuLaunchKernelEx(&config, host.hog, parameters, nullptr));
  attribute.value.cooperative = 0;
  OK(cuLaunchKernelEx(&config, host.hog, parameters, nullptr));
  attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attribute.value.cluster = {2, 1, 1};
  CODE(CUDA_ERROR_NOT_SUPPORTED, cuLaunchKernelEx(&config, host.hog, parameters, nullptr));
  softgpuClearFindings();
}

void faults(Host& host) {
  // A fault surfaces at the next call and stays until the context goes.
  OK(host.launch_wild(nullptr));
  const CUresult code = cuCtxSynchronize();
  CHECK(code == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(found("\"bounds\"") && found("wild"));
  CUdeviceptr memory = 0;
  CODE(code, cuMemAlloc_v2(&memory, 4));
  CODE(code, cuStreamQuery(nullptr));
  CUcontext own = nullptr;
  OK(cuCtxCreate_v2(&own, 0, 0));  // another context lives
  OK(cuMemAlloc_v2(&memory, 4));
  OK(cuCtxDestroy_v2(own));
  host.reset();
  OK(cuCtxSynchronize());
}

/// A child dereferences a device pointer: it dies as it would have, after saying what it did.
void host_access(Host& host) {
  const CUdeviceptr memory = host.allocate(100);
  int ends[2];
  CHECK(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    const auto* device_pointer = reinterpret_cast<const volatile char*>(memory);
    _exit(device_pointer[7]);
  }
  close(ends[1]);
  std::string said;
  char buffer[256];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  CHECK(said.find("host_access") != std::string::npos &&
        said.find("byte 7 of allocation") != std::string::npos);
  OK(cuMemFree_v2(memory));
}

void threads(Host& host) {
  std::vector<std::thread> hosts;
  for (unsigned t = 0; t < 4; ++t) {
    hosts.emplace_back([&, t] {
      OK(cuCtxSetCurrent(host.context));
      CUstream stream = nullptr;
      OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
      for (unsigned i = 0; i < 8; ++i) {
        const CUdeviceptr out = host.allocate(256);
        OK(host.launch_fill(out, t * 100 + i, 64, stream));
        unsigned words[64];
        OK(cuMemcpyDtoHAsync_v2(words, out, 256, stream));
        CHECK(words[63] == t * 100 + i);
        OK(cuMemFree_v2(out));
      }
      OK(cuStreamDestroy_v2(stream));
    });
  }
  for (std::thread& thread : hosts) thread.join();
  CHECK(found_nothing());
}

}  // namespace

int main() {
  setenv("SOFTGPU_QUIET", "1", 0);
  before_init();
  errors();
  symbols();
  device();
  contexts();
  Host host;
  modules(host);
  memory(host);
  copies(host);
  launches(host);
  faults(host);
  host_access(host);
  threads(host);
  return report();
}
