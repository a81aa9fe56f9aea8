// Reductions of [outer, extent, inner] over extent: sum, mean, max, min, argmax; and the backward of max and
// min.
//
// Variants
//   chunked  the extent is cut into chunks that depend on extent and inner only, so one result does not
//            depend on how many there are (outer); partial results are merged in order. inner = 1: vectors
//            along the extent; else vectors along inner, for sums with small inners repeated to whole vectors
//            (channels.h).
//   rows     extreme backward: ref's loops over rows in parallel.
//   ref      a value at a time, in double.
//
// Reads 4 bytes and does 1 FLOP an element. Bound by memory.
// Bench: npm run bench:kernel -- --kernel reduce_forward --problem "outer=128 extent=64 inner=64 kind=mean"
#include "ops/reduce.h"
#include "cpu/kernels/channels.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

// Whether x replaces `best`: the first of equals stays, a NaN wins and stays.
template <class T>
bool beats(Reduction kind, T x, T best) {
  return (kind == Reduction::Min ? x < best : x > best) || (x != x && best == best);
}

template <class T>
void forward_ref(const ReduceProblem& p, const ReduceForward<T>& a, KernelContext&) {
  for (int64_t o = 0; o < p.outer; ++o) {
    for (int64_t i = 0; i < p.inner; ++i) {
      const T* x = a.x + o * p.extent * p.inner + i;
      double sum = 0;
      int64_t best = 0;
      for (int64_t e = 0; e < p.extent; ++e) {
        sum += x[e * p.inner];
        if (beats(p.kind, x[e * p.inner], x[best * p.inner])) best = e;
      }
      const int64_t at = o * p.inner + i;
      switch (p.kind) {
        case Reduction::Sum:
          a.y[at] = static_cast<T>(sum);
          break;
        case Reduction::Mean:
          a.y[at] = static_cast<T>(sum / static_cast<double>(p.extent));
          break;
        case Reduction::Max:
        case Reduction::Min:
          a.y[at] = x[best * p.inner];
          break;
        case Reduction::ArgMax:
          a.index[at] = static_cast<int32_t>(best);
          break;
      }
    }
  }
}

// Where y is NaN, the NaNs of x are the ties.
template <class T>
bool ties(T x, T y) {
  return x == y || (x != x && y != y);
}

template <class T>
void extreme_backward_ref(const ReduceProblem& p, const ReduceExtremeBackward<T>& a, KernelContext&) {
  for (int64_t o = 0; o < p.outer; ++o) {
    for (int64_t i = 0; i < p.inner; ++i) {
      const int64_t first = o * p.extent * p.inner + i, at = o * p.inner + i;
      int64_t count = 0;
      for (int64_t e = 0; e < p.extent; ++e) count += ties(a.x[first + e * p.inner], a.y[at]);
      const double share = static_cast<double>(a.dy[at]) / static_cast<double>(std::max<int64_t>(count, 1));
      for (int64_t e = 0; e < p.extent; ++e) {
        a.dx[first + e * p.inner] = ties(a.x[first + e * p.inner], a.y[at]) ? static_cast<T>(share) : T(0);
      }
    }
  }
}

// The extent in chunks; a chunk of one outer row is a task.
struct Chunks {
  int64_t size, count;
  explicit Chunks(const ReduceProblem& p) {
    const int64_t grain = std::max<int64_t>(kStreamGrain / p.inner, 64);
    count = std::clamp<int64_t>(p.extent / grain, 1, 256);
    size = ceil_div(p.extent, count);
    count = std::max<int64_t>(ceil_div(p.extent, size), 1);
  }
};

// A partial result: a sum, or an extreme and where it is.
struct Partial {
  double value;
  int64_t where;
};

bool is_sum(Reduction kind) { return kind == Reduction::Sum || kind == Reduction::Mean; }

size_t forward_workspace(const ReduceProblem& p) {
  return static_cast<size_t>(p.outer * Chunks(p).count * p.inner) * sizeof(Partial);
}

double sum_run(const float* x, int64_t count) {
  // At most 256 vectors are added in f32, then in double.
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += int64_t{256} * kLanes) {
    const int64_t end = std::min(count, begin + int64_t{256} * kLanes);
    Vec sums[4] = {};
    int64_t i = begin;
    for (; i + 4 * kLanes <= end; i += 4 * kLanes) {
      for (int u = 0; u < 4; ++u) sums[u] += load(x + i + u * kLanes);
    }
    for_vectors(i, end, [&](int64_t at, auto lanes) { sums[0] += load(x + at, lanes); });
    total += sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  return total;
}

// Which lanes of x replace those of best.
template <bool kMin>
auto beats_vector(Vec x, Vec best) {
  return (kMin ? x < best : x > best) | ((x != x) & (best == best));
}

// The extreme first, then its first position where that is asked for.
template <bool kMin>
Partial extreme_of_run(const float* x, int64_t count, bool position) {
  Vec best = broadcast(x[0]);
  for_vectors(0, count, [&](int64_t i, auto lanes) {
    const Vec v = load_or(x + i, lanes, best);
    best = beats_vector<kMin>(v, best) ? v : best;
  });
  const Reduction kind = kMin ? Reduction::Min : Reduction::Max;
  float value = best[0];
  for (int lane = 1; lane < kLanes; ++lane) value = beats(kind, best[lane], value) ? best[lane] : value;
  int64_t where = 0;
  while (position && where < count - 1 && !ties(x[where], value)) ++where;
  return {static_cast<double>(value), where};
}

template <bool kMin>
void extremes_of_columns(const float* x, int64_t rows, int64_t inner, int64_t first, Partial* partials) {
  for_vectors(0, inner, [&](int64_t c, auto lanes) {
    Vec best = load(x + c, lanes);
    IntVec where{};
    for (int64_t row = 1; row < rows; ++row) {
      const Vec v = load(x + row * inner + c, lanes);
      const auto wins = beats_vector<kMin>(v, best);
      best = wins ? v : best;
      where = wins ? IntVec{} + static_cast<int32_t>(row) : where;
    }
    for (int64_t lane = 0; lane < lanes; ++lane) {
      partials[c + lane] = {static_cast<double>(best[lane]), first + where[lane]};
    }
  });
}

void forward_chunked(const ReduceProblem& p, const ReduceForward<float>& a, KernelContext& context) {
  const Chunks chunks(p);
  const Period period(p.inner);
  auto* partials = static_cast<Partial*>(context.workspace);  // [outer][chunk][inner]
  const int64_t grain = std::max<int64_t>(kStreamGrain / (chunks.size * p.inner), 1);
  const auto reduce = [&](int64_t task, int worker) {
    const int64_t first = task % chunks.count * chunks.size, rows = std::min(chunks.size, p.extent - first);
    const float* x = a.x + (task / chunks.count * p.extent + first) * p.inner;
    Partial* partial = partials + task * p.inner;
    const bool least = p.kind == Reduction::Min;
    if (is_sum(p.kind)) {
      if (p.inner == 1) {
        partial->value = sum_run(x, rows);
        return;
      }
      const size_t bytes = sum_channels_bytes(period, 1);
      auto* scratch = static_cast<double*>(
          context.scratch(worker, bytes + static_cast<size_t>(p.inner) * sizeof(double)));
      double* sums = scratch + period.length();
      sum_channels<1>(period, 0, rows, scratch, sums,
                      [&](int64_t i, int64_t, auto lanes) { return std::array{load(x + i, lanes)}; });
      for (int64_t c = 0; c < p.inner; ++c) partial[c].value = sums[c];
    } else if (p.inner == 1) {
      *partial = least ? extreme_of_run<true>(x, rows, false)
                       : extreme_of_run<false>(x, rows, p.kind == Reduction::ArgMax);
      partial->where += first;
    } else if (least) {
      extremes_of_columns<true>(x, rows, p.inner, first, partial);
    } else {
      extremes_of_columns<false>(x, rows, p.inner, first, partial);
    }
  };
  for_ranges(context, p.outer * chunks.count, grain, [&](int64_t begin, int64_t end, int64_t, int worker) {
    for (int64_t task = begin; task < end; ++task) reduce(task, worker);
  });
  const double scale = p.kind == Reduction::Mean ? 1 / static_cast<double>(p.extent) : 1;
  const auto merge = [&](int64_t at) {
    const Partial* partial = partials + at / p.inner * chunks.count * p.inner + at % p.inner;
    Partial total = *partial;
    for (int64_t chunk = 1; chunk < chunks.count; ++chunk) {
      const Partial& next = partial[chunk * p.inner];
      if (is_sum(p.kind))
        total.value += next.value;
      else if (beats(p.kind, next.value, total.value))
        total = next;
    }
    if (p.kind == Reduction::ArgMax)
      a.index[at] = static_cast<int32_t>(total.where);
    else
      a.y[at] = static_cast<float>(total.value * scale);
  };
  for_ranges(context, p.outer * p.inner, kStreamGrain, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t at = begin; at < end; ++at) merge(at);
  });
}

void extreme_backward_rows(const ReduceProblem& p, const ReduceExtremeBackward<float>& a,
                           KernelContext& context) {
  const int64_t slice = p.extent * p.inner, grain = std::max<int64_t>(kStreamGrain / slice, 1);
  for_ranges(context, p.outer, grain, [&](int64_t begin, int64_t end, int64_t, int) {
    ReduceProblem part = p;
    part.outer = end - begin;
    extreme_backward_ref<float>(
        part, {a.x + begin * slice, a.y + begin * p.inner, a.dy + begin * p.inner, a.dx + begin * slice},
        context);
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(
    reduce_forward, ReduceForward, forward_ref,
    implementation<ReduceForward<float>, &forward_chunked, nullptr, &forward_workspace>("chunked"))
LAPIDARY_DEFINE_KERNEL(reduce_extreme_backward, ReduceExtremeBackward, extreme_backward_ref,
                       implementation<ReduceExtremeBackward<float>, &extreme_backward_rows>("rows"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
