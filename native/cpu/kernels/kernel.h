// What every CPU kernel file includes. The files below cpu/kernels/ are compiled once per instruction set,
// into the namespace cpu::base, cpu::avx2 or cpu::avx512, with Vec as wide as a register (4, 8 or 16 floats).
//
// A file defines its kernel functions, a template `..._ref` over the scalar (double sums, one rounding), and
// the lists:
//
//     LAPIDARY_DEFINE_KERNEL(softmax_forward, SoftmaxForward, softmax_forward_ref,
//                            implementation<SoftmaxForward<float>, &softmax_rows>("rows"))
//
// Bits may depend on the problem and the instruction set only: chunks, partial sums and their order are fixed
// by the problem.
#pragma once

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "backend.h"

#ifndef LAPIDARY_ISA
#define LAPIDARY_ISA base
#define LAPIDARY_VLEN 4
#define LAPIDARY_ISA_IS_BASE 1
#endif

// True in the one compilation that also registers ref<double>.
#if LAPIDARY_VLEN == 4
#define LAPIDARY_REGISTERS_REF64 1
#else
#define LAPIDARY_REGISTERS_REF64 0
#endif

#if LAPIDARY_REGISTERS_REF64
#define LAPIDARY_DEFINE_REF64(kernel, Args, ref) \
  Implementation kernel##_ref64() { return implementation<Args<double>, &ref<double>>("ref64"); }
#else
#define LAPIDARY_DEFINE_REF64(kernel, Args, ref)
#endif

/// Defines `ImplementationList kernel()`: the given implementations in order of preference, then ref.
#define LAPIDARY_DEFINE_KERNEL(kernel, Args, ref, ...)               \
  ImplementationList kernel() {                                      \
    ImplementationList list{__VA_ARGS__};                            \
    list.push_back(implementation<Args<float>, &ref<float>>("ref")); \
    return list;                                                     \
  }                                                                  \
  LAPIDARY_DEFINE_REF64(kernel, Args, ref)

namespace lapidary::cpu::LAPIDARY_ISA {

inline constexpr int kLanes = LAPIDARY_VLEN;
/// Vector registers that a register tile may count on.
inline constexpr int kRegisters = LAPIDARY_VLEN == 16 ? 32 : 16;

typedef float Vec __attribute__((vector_size(LAPIDARY_VLEN * sizeof(float))));

static inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
static inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }
static inline Vec broadcast(float x) { return x - Vec{}; }
static inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
static inline Vec min(Vec a, Vec b) { return a < b ? a : b; }
/// The first `count` (0 to kLanes) lanes from memory, the others 0; reads nothing beyond.
#ifdef __AVX512F__
static inline Vec load_tail(const float* p, int64_t count) {
  return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p));
}
static inline void store_tail(float* p, Vec v, int64_t count) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), reinterpret_cast<__m512>(v));
}
#else
static inline Vec load_tail(const float* p, int64_t count) {
  Vec v{};
  std::memcpy(&v, p, static_cast<size_t>(count) * sizeof(float));
  return v;
}
static inline void store_tail(float* p, Vec v, int64_t count) {
  std::memcpy(p, &v, static_cast<size_t>(count) * sizeof(float));
}
#endif

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

/// Splits 0..count-1 into chunks of at least `grain` (at most `most` chunks) and runs body(begin, end, chunk,
/// worker). The split depends on count, grain and most only.
template <class Body>
void for_ranges(KernelContext& context, int64_t count, int64_t grain, Body&& body, int64_t most = 1024) {
  const int64_t chunks = std::clamp<int64_t>(ceil_div(count, std::max<int64_t>(grain, 1)), 1, most);
  const int64_t size = ceil_div(count, chunks);
  context.parallel(ceil_div(count, size), [&](int64_t chunk, int worker) {
    body(chunk * size, std::min(count, (chunk + 1) * size), chunk, worker);
  });
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
