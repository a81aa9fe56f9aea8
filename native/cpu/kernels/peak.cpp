// Peaks of the machine: the rates that other kernels are compared with (lib/bench/peaks.ts).
//
// Variants
//   register_chains  fma_chains: as many independent chains of multiply-adds as hide their latency, in
//   registers. streaming        stream_read: several sums at a time, so that loads and not additions are what
//   is waited for.
//                    stream_triad: stores that bypass the caches where operands are aligned, so that no line
//                    of y is read first; that pays from arrays beyond the last cache on, which is what it is
//                    made for.
//   ref              an element at a time, in double.
//
// fma_chains: 2 FLOPs a step and element, no bytes worth counting. stream_read reads 4 bytes an element;
// stream_triad moves 12 bytes and does 2 FLOPs an element. Bench: npm run bench:kernel -- --kernel fma_chains
// --problem "count=65536 steps=4096"
#include "ops/peak.h"

#if defined(__SSE__)
#include <immintrin.h>
#endif

#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class T>
void fma_chains_ref(const FmaChainsProblem& p, const FmaChains<T>& a, KernelContext& context) {
  for_ranges(context, p.count, 64, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t i = begin; i < end; ++i) {
      double x = a.x[i];
      for (int64_t step = 0; step < p.steps; ++step)
        x = x * static_cast<double>(*a.factor) + static_cast<double>(*a.addend);
      a.y[i] = static_cast<T>(x);
    }
  });
}

template <class T>
void stream_read_ref(const StreamProblem& p, const StreamRead<T>& a, KernelContext&) {
  for (int64_t piece = 0; piece < p.kPieces; ++piece) {
    const int64_t end = std::min(p.count, (piece + 1) * p.piece());
    double sum = 0;
    for (int64_t i = piece * p.piece(); i < end; ++i) sum += a.x[i];
    a.y[piece] = static_cast<T>(sum);
  }
}

template <class T>
void stream_triad_ref(const StreamProblem& p, const StreamTriad<T>& a, KernelContext&) {
  for (int64_t i = 0; i < p.count; ++i)
    a.y[i] = static_cast<T>(a.a[i] + static_cast<double>(*a.factor) * static_cast<double>(a.b[i]));
}

// Latency times issue rate is 8 to 10 on today's processors; two registers stay for factor and addend.
constexpr int kChains = 12;

void fma_chains_registers(const FmaChainsProblem& p, const FmaChains<float>& a, KernelContext& context) {
  constexpr int64_t kTile = kChains * kLanes;
  context.parallel(ceil_div(p.count, kTile), [&](int64_t chunk, int) {
    const int64_t begin = chunk * kTile, count = std::min<int64_t>(kTile, p.count - begin);
    float tile[kTile] = {};
    std::copy_n(a.x + begin, count, tile);
    const Vec factor = broadcast(*a.factor), addend = broadcast(*a.addend);
    Vec chains[kChains];
    for (int j = 0; j < kChains; ++j) chains[j] = load(tile + j * kLanes);
    for (int64_t step = 0; step < p.steps; ++step) {
#pragma GCC unroll 12
      for (int j = 0; j < kChains; ++j) chains[j] = chains[j] * factor + addend;
    }
    for (int j = 0; j < kChains; ++j) store(tile + j * kLanes, chains[j]);
    std::copy_n(tile, count, a.y + begin);
  });
}

void stream_read_pieces(const StreamProblem& p, const StreamRead<float>& a, KernelContext& context) {
  context.parallel(p.kPieces, [&](int64_t piece, int) {
    constexpr int kSums = 8;
    const int64_t end = std::min(p.count, (piece + 1) * p.piece());
    int64_t i = piece * p.piece();
    Vec sums[kSums] = {};
    for (; i + kSums * kLanes <= end; i += kSums * kLanes) {
#pragma GCC unroll 8
      for (int j = 0; j < kSums; ++j) sums[j] += load(a.x + i + j * kLanes);
    }
    double total = 0;
    for (int j = 0; j < kSums; ++j) {
      for (int lane = 0; lane < kLanes; ++lane) total += static_cast<double>(sums[j][lane]);
    }
    for (; i < end; ++i) total += static_cast<double>(a.x[i]);
    a.y[piece] = static_cast<float>(total);
  });
}

inline void store_past_caches(float* p, Vec v) {
#if LAPIDARY_VLEN == 16 && defined(__AVX512F__)
  _mm512_stream_ps(p, reinterpret_cast<__m512>(v));
#elif LAPIDARY_VLEN == 8 && defined(__AVX__)
  _mm256_stream_ps(p, reinterpret_cast<__m256>(v));
#elif LAPIDARY_VLEN == 4 && defined(__SSE__)
  _mm_stream_ps(p, reinterpret_cast<__m128>(v));
#else
  store(p, v);
#endif
}

void stream_triad_past_caches(const StreamProblem& p, const StreamTriad<float>& a, KernelContext& context) {
  const bool aligned = reinterpret_cast<uintptr_t>(a.y) % sizeof(Vec) == 0;
  const float factor_value = *a.factor;
  for_ranges(context, ceil_div(p.count, 64), kStreamGrain / 64,
             [&](int64_t first, int64_t last, int64_t, int) {
               const Vec factor = broadcast(factor_value);
               with_flag(aligned, [&](auto past_caches) {
                 for_vectors(first * 64, std::min(last * 64, p.count), [&](int64_t i, auto lanes) {
                   const Vec y = load(a.a + i, lanes) + factor * load(a.b + i, lanes);
                   if constexpr (decltype(past_caches)::value && std::is_same_v<decltype(lanes), Full>)
                     store_past_caches(a.y + i, y);
                   else
                     store(a.y + i, y, lanes);
                 });
               });
#if defined(__SSE__)
               _mm_sfence();
#endif
             });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(fma_chains, FmaChains, fma_chains_ref,
                       implementation<FmaChains<float>, &fma_chains_registers>("register_chains"))
LAPIDARY_DEFINE_KERNEL(stream_read, StreamRead, stream_read_ref,
                       implementation<StreamRead<float>, &stream_read_pieces>("streaming"))
LAPIDARY_DEFINE_KERNEL(stream_triad, StreamTriad, stream_triad_ref,
                       implementation<StreamTriad<float>, &stream_triad_past_caches>("streaming"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
