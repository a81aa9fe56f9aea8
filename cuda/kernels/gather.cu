// gather: y[outer, picks, inner] = x[outer, index[picks], inner], and its backward.
//
// Forward: the largest unit of 16, 4 or 1 bytes that divides a run of `inner`; one 16-byte unit a thread, or
// 4 smaller ones, a block apart.
//
// Backward: gather_links links the picks of each index in ascending order (each pick looks for the next of
// its kind through tiles in shared memory, picks^2 / 2 comparisons at the most; integer atomics only), then a
// thread an element of dx, or 4 neighbouring ones, adds along its links and writes once.
//
// Bytes: forward 2 an element and byte of y, and 4 a unit for its index. Backward 4 (dx + dy), 4 a unit of dx
// and of dy for the links, and for making them at most 4 picks (2 + picks / 512).
//
// FLOPs: 1 an element of dy. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel gather_forward --problem "extent=50000 inner=3072 picks=128"
#include "kernels/gather.h"

#include "device/fault.cuh"
#include "device/float4.cuh"

namespace {

// Faults count positions in 32 bits; the last stands for those beyond.
__device__ uint32_t fault_position(int64_t pick) {
  return static_cast<uint32_t>(min(pick, int64_t{0xfffffffe}));
}

template <class Unit>
__device__ void gather(const GatherForwardParameters& p) {
  constexpr int kUnits = units_a_thread(sizeof(Unit));
  const auto* x = static_cast<const Unit*>(p.x);
  auto* y = static_cast<Unit*>(p.y);
  const int64_t first = int64_t{blockIdx.x} * blockDim.x * kUnits + threadIdx.x;
  const auto unit = [first](int step) { return first + step * static_cast<int>(blockDim.x); };
  // All loads before the first store, so that they are under way together.
  Unit values[kUnits];
  bool found[kUnits] = {};
#pragma unroll
  for (int step = 0; step < kUnits; ++step) {
    if (unit(step) >= p.count) break;
    const int64_t run = p.inner.quotient(unit(step)), outer = p.picks.quotient(run);
    const int64_t pick = run - outer * p.picks.divisor;
    const int32_t index = p.index[pick];
    found[step] = index >= 0 && index < p.extent;
    if (found[step])
      values[step] = x[(outer * p.extent + index - run) * p.inner.divisor + unit(step)];
    else
      report_fault(p.fault, fault_position(pick), index);
  }
#pragma unroll
  for (int step = 0; step < kUnits; ++step) {
    if (found[step]) y[unit(step)] = values[step];
  }
}

__device__ float4 sum(float4 a, float4 b) {
  return map4(a, b, [](float x, float y) { return x + y; });
}
__device__ float sum(float a, float b) { return a + b; }

template <class Unit>
__device__ void add_along_links(const GatherBackwardParameters& p) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= p.count) return;
  const int64_t run = p.inner.quotient(i), outer = p.extent.quotient(run);
  const int64_t extent_at = run - outer * p.extent.divisor, inner_at = i - run * p.inner.divisor;
  const auto* dy = reinterpret_cast<const Unit*>(p.dy) + outer * p.picks * p.inner.divisor + inner_at;
  Unit total{};
  for (int32_t link = p.first[extent_at]; link != 0;) {
    const int32_t pick = p.picks - link;
    link = p.next[pick];
    total = sum(total, dy[pick * p.inner.divisor]);
  }
  reinterpret_cast<Unit*>(p.dx)[i] = total;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) gather_forward_16(const GatherForwardParameters p) {
  gather<uint4>(p);
}
extern "C" __global__ void __launch_bounds__(256) gather_forward_4(const GatherForwardParameters p) {
  gather<uint32_t>(p);
}
extern "C" __global__ void __launch_bounds__(256) gather_forward_1(const GatherForwardParameters p) {
  gather<uint8_t>(p);
}

extern "C" __global__ void __launch_bounds__(kGatherLinksBlock) gather_links(const GatherLinksParameters p) {
  __shared__ int32_t tile[kGatherLinksBlock];
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t start = int64_t{blockIdx.x} * kGatherLinksBlock, pick = start + thread;
  const int32_t own = pick < p.picks ? p.index[pick] : 0;
  bool searches = pick < p.picks;
  if (searches && (own < 0 || own >= p.extent)) {
    report_fault(p.fault, fault_position(pick), own);
    searches = false;
  } else if (searches) {
    atomicMax(p.first + own, p.picks - static_cast<int32_t>(pick));
  }

  int32_t link = 0;
  // The barrier of the vote also keeps the tile until all have read it.
  for (int64_t base = start; base < p.picks && __syncthreads_or(searches); base += kGatherLinksBlock) {
    const int count = static_cast<int>(min(int64_t{kGatherLinksBlock}, p.picks - base));
    if (thread < count) tile[thread] = p.index[base + thread];
    __syncthreads();
    for (int at = base == start ? thread + 1 : 0; searches && at < count; ++at) {
      if (tile[at] != own) continue;
      link = p.picks - static_cast<int32_t>(base + at);
      searches = false;
    }
  }
  if (pick < p.picks) p.next[pick] = link;
}

extern "C" __global__ void __launch_bounds__(256) gather_backward_vectors(const GatherBackwardParameters p) {
  add_along_links<float4>(p);
}
extern "C" __global__ void __launch_bounds__(256) gather_backward_elements(const GatherBackwardParameters p) {
  add_along_links<float>(p);
}
