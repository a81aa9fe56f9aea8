// Gather along the middle axis of [outer, extent, inner], and its backward.
//
// Variants
//   runs  forward: runs of `inner` elements are copied, in parallel over outer and picks. Backward: parallel
//         over outer and blocks of inner; within one the picks are added in order, so repeated indices add up
//         the same way every time.
//   ref   one run after the other; backward adds in double.
//
// Forward reads and writes 4 bytes an element of y; backward writes dx once (zeros) and reads, adds and
// writes each of dy.
// Bench: npm run bench:kernel -- --kernel gather_forward --problem "extent=50000 inner=3072 picks=128"
#include "cpu/kernels/vectors.h"
#include "ops/layout.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

// Whether every index is inside; reports the first that is not.
bool indices_are_valid(const GatherProblem& p, const int32_t* index, KernelContext& context) {
  for (int64_t j = 0; j < p.picks; ++j) {
    if (index[j] >= 0 && index[j] < p.extent) continue;
    context.fault(
        ErrorCode::Index,
        format(
            "gather: expected indices in 0..%lld, got %d at position %lld; check what computed the indices",
            static_cast<long long>(p.extent - 1), index[j], static_cast<long long>(j)));
    return false;
  }
  return true;
}

template <class E>
void pick(const GatherProblem& p, const E* x, const int32_t* index, E* y) {
  for (int64_t o = 0; o < p.outer; ++o) {
    for (int64_t j = 0; j < p.picks; ++j) {
      std::copy_n(x + (o * p.extent + index[j]) * p.inner, p.inner, y + (o * p.picks + j) * p.inner);
    }
  }
}

template <class T>
void forward_ref(const GatherProblem& p, const GatherForward<T>& a, KernelContext& context) {
  if (!indices_are_valid(p, a.index, context)) return;
  if (p.bytes == 1)
    pick(p, reinterpret_cast<const uint8_t*>(a.x), a.index, reinterpret_cast<uint8_t*>(a.y));
  else
    pick(p, a.x, a.index, a.y);
}

template <class T>
void backward_ref(const GatherProblem& p, const GatherBackward<T>& a, KernelContext& context) {
  if (!indices_are_valid(p, a.index, context)) return;
  const int64_t slice = p.extent * p.inner;
  std::vector<double> sums(static_cast<size_t>(slice));
  for (int64_t o = 0; o < p.outer; ++o) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int64_t j = 0; j < p.picks; ++j) {
      for (int64_t i = 0; i < p.inner; ++i) {
        sums[static_cast<size_t>(a.index[j] * p.inner + i)] += a.dy[(o * p.picks + j) * p.inner + i];
      }
    }
    for (int64_t i = 0; i < slice; ++i) a.dx[o * slice + i] = static_cast<T>(sums[static_cast<size_t>(i)]);
  }
}

template <class E>
void pick_runs(const GatherProblem& p, const E* x, const int32_t* index, E* y, KernelContext& context) {
  const int64_t grain = std::max<int64_t>(kStreamGrain / std::max<int64_t>(p.inner, 1), 1);
  for_ranges(context, p.outer * p.picks, grain, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t run = begin; run < end; ++run) {
      const int64_t from = run / p.picks * p.extent + index[run % p.picks];
      std::memcpy(y + run * p.inner, x + from * p.inner, static_cast<size_t>(p.inner) * sizeof(E));
    }
  });
}

void forward_runs(const GatherProblem& p, const GatherForward<float>& a, KernelContext& context) {
  if (!indices_are_valid(p, a.index, context)) return;
  if (p.bytes == 1)
    pick_runs(p, reinterpret_cast<const uint8_t*>(a.x), a.index, reinterpret_cast<uint8_t*>(a.y), context);
  else
    pick_runs(p, a.x, a.index, a.y, context);
}

void backward_runs(const GatherProblem& p, const GatherBackward<float>& a, KernelContext& context) {
  if (!indices_are_valid(p, a.index, context)) return;
  constexpr int64_t kBlock = 256;
  const int64_t blocks = ceil_div(p.inner, kBlock);
  const int64_t grain =
      std::max<int64_t>(kStreamGrain / ((p.extent + p.picks) * std::min(p.inner, kBlock)), 1);
  for_ranges(context, p.outer * blocks, grain, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task % blocks * kBlock, last = std::min(first + kBlock, p.inner);
      float* dx = a.dx + task / blocks * p.extent * p.inner;
      const float* dy = a.dy + task / blocks * p.picks * p.inner;
      for (int64_t e = 0; e < p.extent; ++e)
        std::fill(dx + e * p.inner + first, dx + e * p.inner + last, 0.0f);
      for (int64_t j = 0; j < p.picks; ++j) {
        float* to = dx + a.index[j] * p.inner;
        for (int64_t i = first; i < last; ++i) to[i] += dy[j * p.inner + i];
      }
    }
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(gather_forward, GatherForward, forward_ref,
                       implementation<GatherForward<float>, &forward_runs>("runs"))
LAPIDARY_DEFINE_KERNEL(gather_backward, GatherBackward, backward_ref,
                       implementation<GatherBackward<float>, &backward_runs>("runs"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
