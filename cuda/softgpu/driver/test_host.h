// What the driver's tests share: counting, a few kernels in PTX, a host with a context.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>

#include "cuda_api.h"
#include "softgpu.h"

namespace softgpu::test {

inline std::atomic<int> passed{0}, failed{0};  // host threads check too

inline void check(bool ok, const char* what, const char* file, int line) {
  ++(ok ? passed : failed);
  if (!ok) std::printf("%s:%d: %s\n", file, line, what);
}

inline void check_code(int got, int expected, const char* what, const char* file, int line) {
  ++(got == expected ? passed : failed);
  if (got != expected) std::printf("%s:%d: %s: expected %d, got %d\n", file, line, what, expected, got);
}

inline int report() {
  std::printf("%d passed, %d failed\n", passed.load(), failed.load());
  return failed == 0 ? 0 : 1;
}

/// fill(out, value, n): out[i] = value. add(out, a, n): out[i] += a[i]. wild(): stores to address 16.
/// wide: 8 bytes of parameters after a 4-byte one. shared_hog: 40,000 bytes of static shared memory.
inline constexpr char kPtx[] = R"(
.version 7.0
.target sm_80
.address_size 64
.visible .global .align 4 .b8 table[64];
.visible .const .align 4 .b8 limits[32];

.visible .entry fill(.param .u64 fill_out, .param .u32 fill_value, .param .u32 fill_n)
{
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [fill_out];
  ld.param.u32 %r1, [fill_value];
  ld.param.u32 %r2, [fill_n];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r6, %r3, %r4, %r5;
  setp.ge.s32 %p1, %r6, %r2;
  @%p1 bra DONE;
  cvta.to.global.u64 %rd2, %rd1;
  mul.wide.s32 %rd3, %r6, 4;
  add.s64 %rd4, %rd2, %rd3;
  st.global.u32 [%rd4], %r1;
DONE:
  ret;
}

.visible .entry add(.param .u64 add_out, .param .u64 add_a, .param .u32 add_n)
{
  .reg .pred %p<2>;
  .reg .b32 %r<10>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [add_out];
  ld.param.u64 %rd2, [add_a];
  ld.param.u32 %r2, [add_n];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r6, %r3, %r4, %r5;
  setp.ge.s32 %p1, %r6, %r2;
  @%p1 bra DONE;
  mul.wide.s32 %rd3, %r6, 4;
  add.s64 %rd4, %rd1, %rd3;
  add.s64 %rd5, %rd2, %rd3;
  ld.global.u32 %r7, [%rd4];
  ld.global.u32 %r8, [%rd5];
  add.s32 %r9, %r7, %r8;
  st.global.u32 [%rd4], %r9;
DONE:
  ret;
}

.visible .entry wild()
{
  .reg .b64 %rd<2>;
  mov.u64 %rd1, 16;
  st.global.u32 [%rd1], 7;
  ret;
}

.visible .entry bounded(.param .u64 bounded_out)
.maxntid 64, 1, 1
{
  ret;
}

.visible .entry shared_hog(.param .u32 shared_hog_a, .param .u64 shared_hog_b)
{
  .shared .align 4 .b8 hog[40000];
  ret;
}
)";

/// A process that has called cuInit, retained the primary context and loaded the kernels.
struct Host {
  CUcontext context = nullptr;
  CUmodule module = nullptr;
  CUfunction fill = nullptr, add = nullptr, wild = nullptr, bounded = nullptr, hog = nullptr;

  Host() {
    cuInit(0);
    cuDevicePrimaryCtxRetain(&context, 0);
    cuCtxSetCurrent(context);
    load();
  }
  void load() {
    cuModuleLoadData(&module, kPtx);
    cuModuleGetFunction(&fill, module, "fill");
    cuModuleGetFunction(&add, module, "add");
    cuModuleGetFunction(&wild, module, "wild");
    cuModuleGetFunction(&bounded, module, "bounded");
    cuModuleGetFunction(&hog, module, "shared_hog");
  }
  /// After a fault: a fresh primary context, no findings.
  void reset() {
    cuDevicePrimaryCtxReset_v2(0);
    softgpuClearFindings();
    load();
  }
  CUdeviceptr allocate(std::size_t bytes) const {
    CUdeviceptr address = 0;
    cuMemAlloc_v2(&address, bytes);
    return address;
  }
  /// n 32-bit words from `out` on become `value`, 64 threads a block.
  CUresult launch_fill(CUdeviceptr out, unsigned value, unsigned n, CUstream stream) const {
    void* parameters[] = {&out, &value, &n};
    return cuLaunchKernel(fill, (n + 63) / 64, 1, 1, 64, 1, 1, 0, stream, parameters, nullptr);
  }
  CUresult launch_add(CUdeviceptr out, CUdeviceptr a, unsigned n, CUstream stream) const {
    void* parameters[] = {&out, &a, &n};
    return cuLaunchKernel(add, (n + 63) / 64, 1, 1, 64, 1, 1, 0, stream, parameters, nullptr);
  }
  CUresult launch_wild(CUstream stream) const {
    return cuLaunchKernel(wild, 1, 1, 1, 1, 1, 1, 0, stream, nullptr, nullptr);
  }
};

inline bool found(const char* text) { return std::strstr(softgpuFindings(), text) != nullptr; }
inline bool found_nothing() { return std::strcmp(softgpuFindings(), "[]") == 0; }

}  // namespace softgpu::test

#define CHECK(condition) softgpu::test::check((condition), #condition, __FILE__, __LINE__)
#define CODE(expected, call) softgpu::test::check_code((call), (expected), #call, __FILE__, __LINE__)
#define OK(call) CODE(CUDA_SUCCESS, call)
