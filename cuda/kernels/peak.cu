// The peaks of a device: the rates that other kernels are compared with (lib/bench/peaks.ts).
//
// Variants
//   fma_chains    4 elements a thread, in registers: with 8 warps a scheduler, 32 multiply-adds that do not
//   wait
//                 for each other against a latency of 4 cycles. The loop is unrolled to 256 multiply-adds, so
//                 that its own instructions are about one in a hundred.
//   stream_read   blocks read parts of a piece by 16-byte loads, 4 of each thread under way; a second launch
//   adds
//                 the parts where a piece has several.
//   stream_triad  4 elements a thread by 16-byte accesses; stores are evicted first, as nothing reads them
//   again.
// Bytes: fma_chains 8 count, and 8 a warp. stream_read 4 count, 1024 for y, and 4 (2 parts) a piece where
// there are several parts. stream_triad 12 count, and 4 a warp. FLOPs: 2 a step and element; 1 an element; 2
// an element. Roofline: arithmetic; memory; memory. Bench: lapidary bench --device cuda --kernel fma_chains
// --problem "count=4194304 steps=4096"
#include "kernels/peak.h"

#include "device/block_reduce.cuh"
#include "device/float4.cuh"
#include "device/uniform_load.cuh"

namespace {

constexpr int kUnroll = 64;

__device__ float4 add(float4 a, float4 b) { return map4(a, b, Plus{}); }
__device__ float sum_of(float4 x) { return (x.x + x.y) + (x.z + x.w); }

}  // namespace

extern "C" __global__ void __launch_bounds__(256) fma_chains(const FmaChainsParameters p) {
  const float factor = uniform_load(p.factor), addend = uniform_load(p.addend);
  const int64_t first = first_of_four();
  if (first >= p.count) return;
  const bool whole = first + 4 <= p.count;
  float4 x = whole ? load4(p.x + first) : load_up_to4(p.x, first, p.count);
  const auto step = [factor, addend](float value) { return fmaf(value, factor, addend); };
  const int steps = static_cast<int>(p.steps);
  int done = 0;
  for (; done + kUnroll <= steps; done += kUnroll) {
#pragma unroll
    for (int i = 0; i < kUnroll; ++i) x = map4(x, step);
  }
#pragma unroll 1
  for (; done < steps; ++done) x = map4(x, step);
  if (whole)
    store4(p.y + first, x);
  else
    store_up_to4(p.y, first, p.count, x);
}

extern "C" __global__ void __launch_bounds__(256) stream_read(const StreamReadParameters p) {
  constexpr int kLoads = 4, kThreads = 256;
  const int64_t piece = blockIdx.x / p.parts, begin_of_piece = piece * p.piece;
  const int64_t end_of_piece = min(p.count, begin_of_piece + p.piece);
  const int64_t begin = min(end_of_piece, begin_of_piece + (blockIdx.x - piece * p.parts) * p.part);
  const int64_t end = min(end_of_piece, begin + p.part);
  // Pieces begin anywhere: vectors from the first multiple of 4 to the last.
  const int64_t first = min(end, (begin + 3) / 4 * 4), last = max(first, end / 4 * 4);
  const int thread = static_cast<int>(threadIdx.x);
  float4 sums[kLoads] = {};
  int64_t i = first + 4 * thread;
  for (; i + (kLoads - 1) * 4 * kThreads < last; i += kLoads * 4 * kThreads) {
#pragma unroll
    for (int load = 0; load < kLoads; ++load)
      sums[load] = add(sums[load], load4(p.x + i + load * 4 * kThreads));
  }
  for (; i < last; i += 4 * kThreads) sums[0] = add(sums[0], load4(p.x + i));
  float sum = sum_of(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
  if (begin + thread < first) sum += p.x[begin + thread];
  if (last + thread < end) sum += p.x[last + thread];
  sum = block_sum<kThreads>(sum);
  if (thread == 0) p.sums[blockIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(256) stream_sum(const StreamSumParameters p) {
  float sum = 0;
  for (int64_t part = threadIdx.x; part < p.parts; part += 256) sum += p.sums[blockIdx.x * p.parts + part];
  sum = block_sum<256>(sum);
  if (threadIdx.x == 0) p.y[blockIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(256) stream_triad(const StreamTriadParameters p) {
  const float factor = uniform_load(p.factor);
  const auto triad = [factor](float a, float b) { return a + factor * b; };
  const int64_t first = first_of_four();
  if (first + 4 <= p.count) {
    __stcs(reinterpret_cast<float4*>(p.y + first), map4(load4(p.a + first), load4(p.b + first), triad));
  } else {
    for (int64_t i = first; i < p.count; ++i) p.y[i] = triad(p.a[i], p.b[i]);
  }
}
