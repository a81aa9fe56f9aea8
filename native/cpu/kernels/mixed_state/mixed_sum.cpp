// The output of an edge of a mixedState, a weighted sum of normalised terms, and what its gradient comes to:
// d weight and the coefficients of each term's gradient; then that gradient itself where a kernel wants it as
// a tensor, and the running statistics.
//
// Variants
//   streaming  mixed_sum, branch_gradient: one pass; weight and normalisation of a term are one factor a
//   channel, and
//              everything constant is one shift a channel.
//   chunked    mixed_reduce: fixed chunks of rows; g stays in cache while the terms are taken two at a time.
//   ref        running_statistics has no other: it touches a few values per channel.
//
// Per element: mixed_sum 4 (terms + 1) bytes and 2 terms FLOPs; mixed_reduce the same bytes and 3 FLOPs a
// term. Bound by memory. Bench: npm run bench:kernel -- --kernel mixed_sum --problem "rows=16384 channels=16
// weights=8 places=1x2x3x4x5x6x7
//   normed=1x1x0x1x1x1x1"
#include "cpu/kernels/channels.h"
#include "ops/mixed_state.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

/// How a term is normalised: xhat = (x - mean) * scale; mean 0 and scale 1 where it is not.
struct TermNorm {
  double mean, scale;
};
template <class Args>
TermNorm term_norm(const MixedSumProblem& p, const Args& a, size_t term, int64_t c) {
  if (p.normed[term] == 0) return {0, 1};
  size_t place = 0;
  for (size_t each = 0; each < term; ++each) place += static_cast<size_t>(p.normed[each]);
  return {static_cast<double>(a.mean[place][c]),
          1 / std::sqrt(static_cast<double>(a.variance[place][c]) + p.eps)};
}

/// From sum g and sum g xhat of a channel: the coefficients of one term.
template <class T>
void write_coefficients(const MixedSumProblem& p, size_t term, TermNorm norm, double weight, double sum,
                        double product, T* to, int64_t c) {
  const double rows = static_cast<double>(p.rows), scale = weight * norm.scale;
  const bool follows = p.normed[term] != 0 && p.training;
  const double slope = follows ? -scale * norm.scale * product / rows : 0;
  to[c] = static_cast<T>(scale), to[p.channels + c] = static_cast<T>(slope);
  to[2 * p.channels + c] = static_cast<T>(follows ? -scale * sum / rows - slope * norm.mean : 0);
}

template <class T>
void sum_ref(const MixedSumProblem& p, const MixedSum<T>& a, KernelContext&) {
  for (int64_t i = 0; i < p.rows * p.channels; ++i) {
    double sum = p.addend ? static_cast<double>(a.addend[i]) : 0;
    for (size_t t = 0; t < p.places.size(); ++t) {
      const TermNorm norm = term_norm(p, a, t, i % p.channels);
      sum += static_cast<double>(a.weights[p.places[t]]) * (a.terms[t][i] - norm.mean) * norm.scale;
    }
    a.y[i] = static_cast<T>(sum);
  }
}

template <class T>
void reduce_ref(const MixedSumProblem& p, const MixedReduce<T>& a, KernelContext&) {
  std::fill_n(a.dweights, p.weights, T(0));
  for (size_t t = 0; t < p.places.size(); ++t) {
    double dweight = 0;
    for (int64_t c = 0; c < p.channels; ++c) {
      const TermNorm norm = term_norm(p, a, t, c);
      double sum = 0, product = 0;
      for (int64_t i = c; i < p.rows * p.channels; i += p.channels) {
        sum += a.g[i], product += a.g[i] * ((a.terms[t][i] - norm.mean) * norm.scale);
      }
      write_coefficients(p, t, norm, static_cast<double>(a.weights[p.places[t]]), sum, product,
                         a.coefficients[t], c);
      dweight += product;
    }
    a.dweights[p.places[t]] += static_cast<T>(dweight);
  }
}

template <class T>
void branch_gradient_ref(const BranchGradientProblem& p, const BranchGradient<T>& a, KernelContext&) {
  for (int64_t i = 0; i < p.rows * p.channels; ++i) {
    const T* of = a.coefficients + i % p.channels;
    a.dy[i] = static_cast<T>(static_cast<double>(of[0]) * a.g[i] +
                             static_cast<double>(of[p.channels]) * a.y[i] + of[2 * p.channels]);
  }
}

template <class T>
void running_statistics_ref(const RunningStatisticsProblem& p, const RunningStatistics<T>& a,
                            KernelContext&) {
  const double unbiased = p.rows > 1 ? static_cast<double>(p.rows) / static_cast<double>(p.rows - 1) : 1;
  const double momentum = p.momentum;
  for (int64_t norm = 0; norm < p.norms; ++norm) {
    for (int64_t c = 0; c < p.channels; ++c) {
      T &mean = a.running_mean[norm][c], &variance = a.running_variance[norm][c];
      mean = static_cast<T>((1 - momentum) * mean + momentum * a.mean[norm][c]);
      variance = static_cast<T>((1 - momentum) * variance + momentum * unbiased * a.variance[norm][c]);
    }
  }
}

/// The factors of the terms and the shift, [term or shift][channel], then repeated to a period.
size_t sum_workspace(const MixedSumProblem& p) {
  return Period(p.channels).table_bytes(p.terms() + 1) +
         static_cast<size_t>((p.terms() + 1) * p.channels) * sizeof(float);
}

inline constexpr int kMostTerms = 8;  ///< more are refused: an edge has that many kinds of candidates

std::string few_terms(const MixedSumProblem& p) {
  return p.terms() <= kMostTerms ? "" : "expected at most 8 terms";
}

void sum_streaming(const MixedSumProblem& p, const MixedSum<float>& a, KernelContext& context) {
  const Period period(p.channels);
  auto* factors = static_cast<float*>(context.workspace);
  float* table = factors + (p.terms() + 1) * p.channels;
  const auto terms = static_cast<size_t>(p.terms());
  float* shift = factors + p.terms() * p.channels;
  for (int64_t c = 0; c < p.channels; ++c) {
    double constant = 0;
    for (size_t t = 0; t < terms; ++t) {
      const TermNorm norm = term_norm(p, a, t, c);
      const double factor = static_cast<double>(a.weights[p.places[t]]) * norm.scale;
      factors[static_cast<int64_t>(t) * p.channels + c] = static_cast<float>(factor);
      constant -= factor * norm.mean;
    }
    shift[c] = static_cast<float>(constant);
  }
  struct {
    const float *terms[kMostTerms], *factors[kMostTerms], *shift, *addend;
    float* y;
    size_t count;
  } of{};
  for (size_t t = 0; t <= terms; ++t) {
    const auto at = static_cast<int64_t>(t);
    const float* repeated = period.repeat(factors + at * p.channels, table + at * period.length());
    if (t == terms)
      of.shift = repeated;
    else
      of.terms[t] = a.terms[t], of.factors[t] = repeated;
  }
  of.addend = p.addend ? a.addend : nullptr, of.y = a.y, of.count = terms;
  parallel_channel_vectors(context, period, p.rows, [of](int64_t i, int64_t j, auto lanes) {
    Vec sum = load(of.shift + j, lanes);
    if (of.addend) sum += load(of.addend + i, lanes);
    for (size_t t = 0; t < of.count; ++t)
      sum += load(of.terms[t] + i, lanes) * load(of.factors[t] + j, lanes);
    store(of.y + i, sum, lanes);
  });
}

size_t reduce_workspace(const MixedSumProblem& p) {
  const Period period(p.channels);
  return static_cast<size_t>(RowChunks(p.rows, period).count * (p.terms() + 1) * p.channels) *
             sizeof(double) +
         static_cast<size_t>(p.terms() * p.channels) * sizeof(float) + period.table_bytes(p.terms());
}

void reduce_chunked(const MixedSumProblem& p, const MixedReduce<float>& a, KernelContext& context) {
  const Period period(p.channels);
  const RowChunks chunks(p.rows, period);
  const int64_t terms = p.terms(), part = (terms + 1) * p.channels;
  auto* partials =
      static_cast<double*>(context.workspace);  // [chunk][sum g (x - mean) by term, sum g][channel]
  auto* means = reinterpret_cast<float*>(partials + chunks.count * part);
  float* table = means + terms * p.channels;
  std::vector<const float*> mean(static_cast<size_t>(terms));
  for (size_t t = 0; t < mean.size(); ++t) {
    float* of = means + static_cast<int64_t>(t) * p.channels;
    for (int64_t c = 0; c < p.channels; ++c) of[c] = static_cast<float>(term_norm(p, a, t, c).mean);
    mean[t] = period.repeat(of, table + static_cast<int64_t>(t) * period.length());
  }
  context.parallel(chunks.count, [&](int64_t chunk, int worker) {
    auto* scratch = static_cast<double*>(context.scratch(worker, sum_channels_bytes(period, 2)));
    const int64_t begin = chunks.begin(chunk), end = chunks.end(chunk);
    double* to = partials + chunk * part;
    size_t t = 0;
    for (; t + 2 <= mean.size(); t += 2) {
      const float *x = a.terms[t], *x_mean = mean[t], *z = a.terms[t + 1], *z_mean = mean[t + 1], *g = a.g;
      sum_channels<2>(period, begin, end, scratch, to + static_cast<int64_t>(t) * p.channels,
                      [=](int64_t i, int64_t j, auto lanes) {
                        const Vec gradient = load(g + i, lanes);
                        return std::array{gradient * (load(x + i, lanes) - load(x_mean + j, lanes)),
                                          gradient * (load(z + i, lanes) - load(z_mean + j, lanes))};
                      });
    }
    const float *g = a.g, *x = t < mean.size() ? a.terms[t] : nullptr, *x_mean = x ? mean[t] : nullptr;
    if (x) {
      sum_channels<2>(
          period, begin, end, scratch, to + static_cast<int64_t>(t) * p.channels,
          [=](int64_t i, int64_t j, auto lanes) {
            const Vec gradient = load(g + i, lanes);
            return std::array{gradient * (load(x + i, lanes) - load(x_mean + j, lanes)), gradient};
          });
    } else {
      sum_channels<1>(period, begin, end, scratch, to + terms * p.channels,
                      [=](int64_t i, int64_t, auto lanes) { return std::array{load(g + i, lanes)}; });
    }
  });
  std::vector<double> totals(static_cast<size_t>(part));
  for (int64_t chunk = 0; chunk < chunks.count; ++chunk)
    for (int64_t i = 0; i < part; ++i) totals[static_cast<size_t>(i)] += partials[chunk * part + i];
  std::fill_n(a.dweights, p.weights, 0.0f);
  for (size_t t = 0; t < mean.size(); ++t) {
    double dweight = 0;
    for (int64_t c = 0; c < p.channels; ++c) {
      const TermNorm norm = term_norm(p, a, t, c);
      const double product =
          totals[t * static_cast<size_t>(p.channels) + static_cast<size_t>(c)] * norm.scale;
      const double sum = totals[static_cast<size_t>(terms * p.channels + c)];
      write_coefficients(p, t, norm, static_cast<double>(a.weights[p.places[t]]), sum, product,
                         a.coefficients[t], c);
      dweight += product;
    }
    a.dweights[p.places[t]] += static_cast<float>(dweight);
  }
}

size_t branch_gradient_workspace(const BranchGradientProblem& p) { return Period(p.channels).table_bytes(3); }

void branch_gradient_streaming(const BranchGradientProblem& p, const BranchGradient<float>& a,
                               KernelContext& context) {
  const Period period(p.channels);
  auto* table = static_cast<float*>(context.workspace);
  const float* factor = period.repeat(a.coefficients, table);
  const float* slope = period.repeat(a.coefficients + p.channels, table + period.length());
  const float* shift = period.repeat(a.coefficients + 2 * p.channels, table + 2 * period.length());
  parallel_channel_vectors(context, period, p.rows, [=](int64_t i, int64_t j, auto lanes) {
    store(a.dy + i,
          load(a.g + i, lanes) * load(factor + j, lanes) + load(a.y + i, lanes) * load(slope + j, lanes) +
              load(shift + j, lanes),
          lanes);
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(
    mixed_sum, MixedSum, sum_ref,
    implementation<MixedSum<float>, &sum_streaming, &few_terms, &sum_workspace>("streaming"))
LAPIDARY_DEFINE_KERNEL(
    mixed_reduce, MixedReduce, reduce_ref,
    implementation<MixedReduce<float>, &reduce_chunked, nullptr, &reduce_workspace>("chunked"))
LAPIDARY_DEFINE_KERNEL(branch_gradient, BranchGradient, branch_gradient_ref,
                       implementation<BranchGradient<float>, &branch_gradient_streaming, nullptr,
                                      &branch_gradient_workspace>("streaming"))
LAPIDARY_DEFINE_KERNEL(running_statistics, RunningStatistics, running_statistics_ref)

}  // namespace lapidary::cpu::LAPIDARY_ISA
