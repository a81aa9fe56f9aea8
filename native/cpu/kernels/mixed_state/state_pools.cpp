// The 3x3 pools of a mixedState, which all edges that leave a state share: both from one reading of x, with
// the statistics of their normalisations; backward from the sum of the edges' gradients.
//
// Variants
//   images  vectors over channels, groups of images in parallel; (mean, M2) of the groups are merged in
//   order. Backward
//           first adds up the edges' gradients of an image (dmax, daverage, and the identity's straight into
//           dx), then gathers: an input pixel adds the windows that contain it.
//   ref     the same sums, a value at a time, in double.
//
// fprop reads N H W C * 4 bytes, writes 9 an output; 27 FLOPs an output and pool. Backward reads 4 bytes of
// each edge's gradient and 9 of both pools an output, writes 4 an input. Bound by memory. Bench: npm run
// bench:kernel -- --kernel state_pools --problem "N=16 H=32 W=32 C=16"
#include <vector>

#include "cpu/kernels/conv2d/partial_sums.h"
#include "cpu/kernels/vectors.h"
#include "ops/mixed_state.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// The valid taps [begin, end) of a window of three along one axis, and the first of their positions.
struct Taps {
  int64_t begin, end, first;
  int64_t size() const { return end - begin; }
};
Taps taps_of(int64_t out, int64_t stride, int64_t extent) {
  const int64_t first = out * stride - 1;
  return {std::max<int64_t>(-first, 0), std::min<int64_t>(3, extent - first), first};
}
/// The outputs [begin, end) whose windows contain position `in`.
struct Outputs {
  int64_t begin, end;
};
Outputs outputs_over(int64_t in, int64_t stride, int64_t outs) {
  return {in == 0 ? 0 : ceil_div(in - 1, stride), std::min((in + 1) / stride + 1, outs)};
}

template <class T>
void statistics_ref(const T* y, int64_t rows, int64_t channels, T* mean, T* variance) {
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    for (int64_t row = 0; row < rows; ++row) sum += y[row * channels + c];
    const double center = sum / static_cast<double>(rows);
    for (int64_t row = 0; row < rows; ++row) squares += std::pow(y[row * channels + c] - center, 2);
    mean[c] = static_cast<T>(center), variance[c] = static_cast<T>(squares / static_cast<double>(rows));
  }
}

template <class T>
void pools_ref(const StatePoolsProblem& p, const StatePools<T>& a, KernelContext&) {
  int64_t out = 0;
  for (int64_t row = 0; row < p.n * p.p(); ++row) {
    const Taps rs = taps_of(row % p.p(), p.stride, p.h);
    for (int64_t j = 0; j < p.q(); ++j) {
      const Taps ss = taps_of(j, p.stride, p.w);
      for (int64_t c = 0; c < p.c; ++c, ++out) {
        double sum = 0;
        T best = -std::numeric_limits<T>::infinity();
        int64_t where = 3 * rs.begin + ss.begin;
        for (int64_t r = rs.begin; r < rs.end; ++r) {
          for (int64_t s = ss.begin; s < ss.end; ++s) {
            const T x = a.x[((row / p.p() * p.h + rs.first + r) * p.w + ss.first + s) * p.c + c];
            sum += x;
            if (x > best || (x != x && best == best)) best = x, where = 3 * r + s;
          }
        }
        if (p.max) a.max[out] = best, a.max_tap[out] = static_cast<uint8_t>(where);
        if (p.average) a.average[out] = static_cast<T>(sum / static_cast<double>(rs.size() * ss.size()));
      }
    }
  }
  const int64_t rows = p.n * p.p() * p.q();
  if (p.max && p.statistics) statistics_ref(a.max, rows, p.c, a.max_mean, a.max_variance);
  if (p.average && p.statistics) statistics_ref(a.average, rows, p.c, a.average_mean, a.average_variance);
}

template <class T>
void dgrad_ref(const StatePoolsBackwardProblem& p, const StatePoolsDgrad<T>& a, KernelContext&) {
  const auto term = [&](const Counts& edges, const T* const* coefficients, const T* y, int64_t out) {
    const int64_t c = out % p.c;
    double sum = 0;
    for (size_t e = 0; e < edges.size(); ++e) {
      const T* of = coefficients[e] + c;
      sum += static_cast<double>(of[0]) * a.g[edges[e]][out];
      if (y) sum += static_cast<double>(of[p.c]) * y[out] + of[2 * p.c];
    }
    return sum;
  };
  std::vector<double> dx(static_cast<size_t>(p.x_count()));
  for (int64_t out = 0; out < p.y_count(); ++out) {
    const int64_t c = out % p.c, pixel = out / p.c, n = pixel / (p.p() * p.q());
    const Taps rs = taps_of(pixel / p.q() % p.p(), p.stride, p.h), ss = taps_of(pixel % p.q(), p.stride, p.w);
    const auto at = [&](int64_t r, int64_t s) {
      return static_cast<size_t>(((n * p.h + rs.first + r) * p.w + ss.first + s) * p.c + c);
    };
    if (!p.identity.empty())
      dx[static_cast<size_t>(out)] += term(p.identity, a.identity_coefficients, nullptr, out);
    if (!p.max.empty()) {
      const int64_t r = a.max_tap[out] / 3, s = a.max_tap[out] % 3;
      const bool inside = r >= rs.begin && r < rs.end && s >= ss.begin && s < ss.end;
      if (inside) dx[at(r, s)] += term(p.max, a.max_coefficients, a.max, out);
    }
    if (p.average.empty()) continue;
    const double share =
        term(p.average, a.average_coefficients, a.average, out) / static_cast<double>(rs.size() * ss.size());
    for (int64_t r = rs.begin; r < rs.end; ++r)
      for (int64_t s = ss.begin; s < ss.end; ++s) dx[at(r, s)] += share;
  }
  for (size_t i = 0; i < dx.size(); ++i) a.dx[i] = static_cast<T>((p.accumulate ? a.dx[i] : T(0)) + dx[i]);
}

/// Groups of images, as many as there are partial sums.
struct ImageGroups {
  int64_t n, size, count;
  explicit ImageGroups(int64_t images)
      : n(images), size(ceil_div(images, kMostParts)), count(ceil_div(images, size)) {}
  int64_t begin(int64_t group) const { return group * size; }
  int64_t end(int64_t group) const { return std::min(n, (group + 1) * size); }
};

/// [mean, M2] of `rows` rows for each channel, in two passes over values that are in cache.
void group_statistics(const float* y, int64_t rows, int64_t channels, double* to) {
  for_vectors(0, channels, [&](int64_t c, auto lanes) {
    constexpr int64_t kBlock = 256;  // rows summed in float
    double mean[kLanes] = {}, m2[kLanes] = {};
    const auto add_up = [&](double* totals, const auto& term) {
      for (int64_t first = 0; first < rows; first += kBlock) {
        Vec sums[4] = {};
        const float* at = y + first * channels + c;
        int64_t row = first;
        for (; row + 4 <= std::min(rows, first + kBlock); row += 4) {
#pragma GCC unroll 4
          for (int i = 0; i < 4; ++i, at += channels) sums[i] += term(load(at, lanes));
        }
        for (; row < std::min(rows, first + kBlock); ++row, at += channels) sums[0] += term(load(at, lanes));
        const Vec sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        for (int64_t lane = 0; lane < lanes; ++lane) totals[lane] += static_cast<double>(sum[lane]);
      }
    };
    add_up(mean, [](Vec x) { return x; });
    Vec center{};
    for (int64_t lane = 0; lane < lanes; ++lane) {
      mean[lane] /= static_cast<double>(rows);
      center[lane] = static_cast<float>(mean[lane]);
    }
    add_up(m2, [&](Vec x) { return (x - center) * (x - center); });
    for (int64_t lane = 0; lane < lanes; ++lane)
      to[c + lane] = mean[lane], to[channels + c + lane] = m2[lane];
  });
}

void merge_groups(const ImageGroups& groups, int64_t image_rows, int64_t channels, const double* partials,
                  int64_t part, float* mean_out, float* variance_out) {
  for (int64_t c = 0; c < channels; ++c) {
    double mean = 0, m2 = 0, rows = 0;
    for (int64_t group = 0; group < groups.count; ++group) {
      const double* of = partials + group * part + c;
      const double n = static_cast<double>((groups.end(group) - groups.begin(group)) * image_rows);
      const double delta = of[0] - mean, share = n / (rows + n);
      m2 += of[channels] + delta * delta * rows * share;
      mean += delta * share;
      rows += n;
    }
    mean_out[c] = static_cast<float>(mean), variance_out[c] = static_cast<float>(m2 / rows);
  }
}

size_t pools_workspace(const StatePoolsProblem& p) {
  return static_cast<size_t>(ImageGroups(p.n).count * 4 * p.c) * sizeof(double);
}

/// Calls body(first output, outputs, taps along the row) for runs of outputs whose windows have the same
/// valid taps and whose inputs follow each other: at stride 1 all between the first and the last one are one
/// run.
template <class Body>
void for_window_runs(int64_t outs, int64_t stride, int64_t extent, const Body& body) {
  for (int64_t j = 0; j < outs;) {
    const Taps taps = taps_of(j, stride, extent);
    const int64_t run = stride == 1 && taps.size() == 3 ? std::max<int64_t>(outs - 1 - j, 1) : 1;
    body(j, run, taps);
    j += run;
  }
}

template <bool kMax, bool kAverage>
void pool_image(const StatePoolsProblem& p, const float* x, float* max_to, uint8_t* tap_to, float* average_to,
                int32_t* row_taps) {
  const int64_t c = p.c, row = p.w * c, row_floats = p.q() * c;
  for (int64_t i = 0; i < p.p(); ++i) {
    const Taps rs = taps_of(i, p.stride, p.h);
    for_window_runs(p.q(), p.stride, p.w, [&](int64_t first, int64_t run, Taps ss) {
      const float* window = x + (rs.first * p.w + ss.first) * c;
      const int64_t begin = first * c;
      const float share = 1.0f / static_cast<float>(rs.size() * ss.size());
      const auto pool = [&](int64_t at, auto lanes, Taps r_taps, Taps s_taps) __attribute__((always_inline)) {
        Vec best = broadcast(-std::numeric_limits<float>::infinity()), sum{};
        IntVec where = IntVec{} + static_cast<int32_t>(3 * r_taps.begin + s_taps.begin);
#pragma GCC unroll 3
        for (int64_t r = r_taps.begin; r < r_taps.end; ++r) {
#pragma GCC unroll 3
          for (int64_t s = s_taps.begin; s < s_taps.end; ++s) {
            const Vec value = load(window + r * row + s * c + at, lanes);
            if constexpr (kAverage) sum += value;
            if constexpr (kMax) {
              const auto wins = ~(value <= best) & (best == best);  // NaN wins, and stays
              best = wins ? value : best;
              where = wins ? IntVec{} + static_cast<int32_t>(3 * r + s) : where;
            }
          }
        }
        if constexpr (kMax) {
          store(max_to + begin + at, best, lanes);
          std::memcpy(row_taps + begin + at, &where, static_cast<size_t>(lanes) * sizeof(int32_t));
        }
        if constexpr (kAverage) store(average_to + begin + at, sum * share, lanes);
      };
      constexpr Taps kAll{0, 3, 0};
      if (rs.size() == 3 && ss.size() == 3)
        for_vectors(0, run * c, [&](int64_t at, auto lanes) { pool(at, lanes, kAll, kAll); });
      else if (ss.size() == 3)
        for_vectors(0, run * c, [&](int64_t at, auto lanes) { pool(at, lanes, rs, kAll); });
      else
        for_vectors(0, run * c, [&](int64_t at, auto lanes) { pool(at, lanes, rs, ss); });
    });
    if constexpr (kMax) {
      for (int64_t k = 0; k < row_floats; ++k) tap_to[k] = static_cast<uint8_t>(row_taps[k]);
      max_to += row_floats, tap_to += row_floats;
    }
    if constexpr (kAverage) average_to += row_floats;
  }
}

void pools_images(const StatePoolsProblem& p, const StatePools<float>& a, KernelContext& context) {
  const ImageGroups groups(p.n);
  const int64_t image = p.h * p.w * p.c, rows = p.p() * p.q(), out = rows * p.c, part = 4 * p.c;
  auto* partials = static_cast<double*>(context.workspace);  // [group][max, average][mean, M2][channel]
  context.parallel(groups.count, [&](int64_t group, int worker) {
    auto* taps =
        static_cast<int32_t*>(context.scratch(worker, static_cast<size_t>(p.q() * p.c) * sizeof(int32_t)));
    const int64_t first = groups.begin(group), images = groups.end(group) - first;
    with_flag(p.max, [&](auto max) {
      with_flag(p.average, [&](auto average) {
        for (int64_t n = first; n < first + images; ++n) {
          pool_image<max, average>(p, a.x + n * image, max ? a.max + n * out : nullptr,
                                   max ? a.max_tap + n * out : nullptr,
                                   average ? a.average + n * out : nullptr, taps);
        }
      });
    });
    if (p.max && p.statistics)
      group_statistics(a.max + first * out, images * rows, p.c, partials + group * part);
    if (p.average && p.statistics)
      group_statistics(a.average + first * out, images * rows, p.c, partials + group * part + 2 * p.c);
  });
  if (p.max && p.statistics) merge_groups(groups, rows, p.c, partials, part, a.max_mean, a.max_variance);
  if (p.average && p.statistics)
    merge_groups(groups, rows, p.c, partials + 2 * p.c, part, a.average_mean, a.average_variance);
}

/// The sum over edges of b and d of a term's coefficients: [b, d][channel].
void sum_coefficients(const Counts& edges, const float* const* coefficients, int64_t channels, float* to) {
  for (int64_t i = 0; i < 2 * channels; ++i) {
    double sum = 0;
    for (size_t e = 0; e < edges.size(); ++e) sum += static_cast<double>(coefficients[e][channels + i]);
    to[i] = static_cast<float>(sum);
  }
}

/// to (+)= sum over edges of a g [+ b y + d] for `rows` rows from element `start` on.
template <bool kAdd>
void sum_gradients(const Counts& edges, const float* const* g, const float* const* coefficients,
                   const float* y, const float* shared, int64_t channels, int64_t start, int64_t rows,
                   float* to) {
  for (int64_t row = 0; row < rows; ++row, start += channels, to += channels) {
    for_vectors(0, channels, [&](int64_t c, auto lanes) {
      Vec sum = kAdd ? load(to + c, lanes) : Vec{};
      if (y) sum += load(shared + c, lanes) * load(y + start + c, lanes) + load(shared + channels + c, lanes);
      for (size_t e = 0; e < edges.size(); ++e)
        sum += load(coefficients[e] + c, lanes) * load(g[edges[e]] + start + c, lanes);
      store(to + c, sum, lanes);
    });
  }
}

size_t dgrad_workspace(const StatePoolsBackwardProblem& p) {
  return static_cast<size_t>(4 * p.c) * sizeof(float);
}

/// dx of one image += the windows that contain each pixel.
template <bool kMax, bool kAverage>
void gather_image(const StatePoolsBackwardProblem& p, const float* dmax, const int32_t* tap,
                  const float* daverage, float* dx) {
  const int64_t c = p.c, row = p.q() * c, stride = p.stride;
  for (int64_t h = 0; h < p.h; ++h) {
    const Outputs is = outputs_over(h, stride, p.p());
    for (int64_t w = 0; w < p.w;) {
      const Outputs js = outputs_over(w, stride, p.q());
      const int64_t rows = is.end - is.begin, columns = js.end - js.begin;
      // At stride 1 all pixels between the first and the last one are a run with the same windows.
      const int64_t run = stride == 1 && columns == 3 ? std::max<int64_t>(p.w - 1 - w, 1) : 1;
      const int64_t corner = (is.begin * p.q() + js.begin) * c;
      // The tap that this pixel is of the first window; of the next ones it is `stride` less.
      const auto first = static_cast<int32_t>(3 * (h - is.begin * stride + 1) + w - js.begin * stride + 1);
      const auto gather = [&](int64_t at, auto lanes, int64_t i_count, int64_t j_count, int64_t step)
          __attribute__((always_inline)) {
        Vec sum = load(dx + at, lanes);
#pragma GCC unroll 3
        for (int64_t i = 0; i < i_count; ++i) {
#pragma GCC unroll 3
          for (int64_t j = 0; j < j_count; ++j) {
            const int64_t out = corner + i * row + j * c + at;
            if constexpr (kMax) {
              IntVec taps{};
              std::memcpy(&taps, tap + out, static_cast<size_t>(lanes) * sizeof(int32_t));
              const auto here = first - static_cast<int32_t>(step * (3 * i + j));
              sum += taps == here ? load(dmax + out, lanes) : Vec{};
            }
            if constexpr (kAverage) sum += load(daverage + out, lanes);
          }
        }
        store(dx + at, sum, lanes);
      };
      if (rows == 3 && columns == 3)
        for_vectors(0, run * c, [&](int64_t at, auto lanes) { gather(at, lanes, 3, 3, 1); });
      else
        for_vectors(0, run * c, [&](int64_t at, auto lanes) { gather(at, lanes, rows, columns, stride); });
      dx += run * c, w += run;
    }
  }
}

/// The gradient of an average, shared out among the taps of its window, for one image.
void share_out(const StatePoolsBackwardProblem& p, float* daverage) {
  for (int64_t i = 0; i < p.p(); ++i) {
    const int64_t height = taps_of(i, p.stride, p.h).size();
    for_window_runs(p.q(), p.stride, p.w, [&](int64_t, int64_t run, Taps taps) {
      const float share = 1.0f / static_cast<float>(height * taps.size());
      for_vectors(0, run * p.c, [&](int64_t at, auto lanes) {
        store(daverage + at, load(daverage + at, lanes) * share, lanes);
      });
      daverage += run * p.c;
    });
  }
}

void dgrad_images(const StatePoolsBackwardProblem& p, const StatePoolsDgrad<float>& a,
                  KernelContext& context) {
  const int64_t c = p.c, rows = p.p() * p.q(), out = rows * c, image = p.h * p.w * c;
  auto *max_shared = static_cast<float*>(context.workspace), *average_shared = max_shared + 2 * c;
  const bool max = !p.max.empty(), average = !p.average.empty();
  if (max) sum_coefficients(p.max, a.max_coefficients, c, max_shared);
  if (average) sum_coefficients(p.average, a.average_coefficients, c, average_shared);
  context.parallel(p.n, [&](int64_t n, int worker) {
    auto* dmax = static_cast<float*>(context.scratch(worker, static_cast<size_t>(3 * out) * sizeof(float)));
    float *daverage = dmax + out, *dx = a.dx + n * image;
    auto* tap = reinterpret_cast<int32_t*>(daverage + out);
    if (!p.accumulate) std::fill_n(dx, image, 0.0f);
    if (!p.identity.empty())
      sum_gradients<true>(p.identity, a.g, a.identity_coefficients, nullptr, nullptr, c, n * out, rows, dx);
    if (max) {
      sum_gradients<false>(p.max, a.g, a.max_coefficients, a.max, max_shared, c, n * out, rows, dmax);
      for (int64_t i = 0; i < out; ++i) tap[i] = a.max_tap[n * out + i];
    }
    if (average) {
      sum_gradients<false>(p.average, a.g, a.average_coefficients, a.average, average_shared, c, n * out,
                           rows, daverage);
      share_out(p, daverage);
    }
    if (max && average)
      gather_image<true, true>(p, dmax, tap, daverage, dx);
    else if (max)
      gather_image<true, false>(p, dmax, tap, daverage, dx);
    else if (average)
      gather_image<false, true>(p, dmax, tap, daverage, dx);
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(state_pools, StatePools, pools_ref,
                       implementation<StatePools<float>, &pools_images, nullptr, &pools_workspace>("images"))
LAPIDARY_DEFINE_KERNEL(
    state_pools_dgrad, StatePoolsDgrad, dgrad_ref,
    implementation<StatePoolsDgrad<float>, &dgrad_images, nullptr, &dgrad_workspace>("images"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
