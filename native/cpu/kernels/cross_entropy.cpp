// Cross-entropy with label smoothing on logits [rows, classes], with log-softmax inside, and its backward.
//
// Variants
//   rows  rows in parallel, vectors along the classes; for the mean, sums of fixed chunks of rows added in
//         order.
//   ref   a value at a time, in double.
//
// Forward reads 4 bytes a logit, about 25 FLOPs; backward reads 4 and writes 4.
// Bench: npm run bench:kernel -- --kernel cross_entropy_forward --problem "rows=128 classes=10"
#include "cpu/kernels/vectors.h"
#include "ops/softmax.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

// Whether row's label is a class; reports it when not.
bool label_is_valid(const CrossEntropyProblem& p, const int32_t* labels, int64_t row,
                    KernelContext& context) {
  if (labels[row] >= 0 && labels[row] < p.classes) return true;
  context.fault(ErrorCode::Index, label_fault(p.classes, labels[row], row));
  return false;
}

template <class T>
void forward_ref(const CrossEntropyProblem& p, const CrossEntropyForward<T>& a, KernelContext& context) {
  double total = 0;
  for (int64_t row = 0; row < p.rows; ++row) {
    const T* x = a.logits + row * p.classes;
    const double most = *std::max_element(x, x + p.classes);
    double exponentials = 0, deviations = 0;
    for (int64_t c = 0; c < p.classes; ++c) {
      exponentials += std::exp(x[c] - most);
      deviations += x[c] - most;
    }
    const double logarithm = std::log(exponentials), smoothing = p.smoothing;
    a.log_sum_exp[row] = static_cast<T>(most + logarithm);
    double loss = 0;
    if (label_is_valid(p, a.labels, row, context)) {
      loss = logarithm - (1 - smoothing) * (x[a.labels[row]] - most);
      if (smoothing != 0) loss -= smoothing * deviations / static_cast<double>(p.classes);
    }
    if (!p.mean) a.loss[row] = static_cast<T>(loss);
    total += loss;
  }
  if (p.mean) a.loss[0] = static_cast<T>(total / static_cast<double>(p.rows));
}

template <class T>
void backward_ref(const CrossEntropyProblem& p, const CrossEntropyBackward<T>& a, KernelContext& context) {
  const double smoothing = p.smoothing, floor = smoothing / static_cast<double>(p.classes);
  for (int64_t row = 0; row < p.rows; ++row) {
    const T* x = a.logits + row * p.classes;
    const double dloss =
        p.mean ? a.dloss[0] / static_cast<double>(p.rows) : static_cast<double>(a.dloss[row]);
    const int32_t label = label_is_valid(p, a.labels, row, context) ? a.labels[row] : -1;
    for (int64_t c = 0; c < p.classes; ++c) {
      const double target = floor + (c == label ? 1 - smoothing : 0);
      const double probability = std::exp(static_cast<double>(x[c]) - a.log_sum_exp[row]);
      a.dlogits[row * p.classes + c] = static_cast<T>((probability - target) * dloss);
    }
  }
}

// Rows of a chunk, and so how many partial sums the mean has: a function of the problem.
int64_t chunk_rows(const CrossEntropyProblem& p) {
  return std::max({kStreamGrain / 4 / p.classes, ceil_div(p.rows, 1024), int64_t{1}});
}

size_t forward_workspace(const CrossEntropyProblem& p) {
  return static_cast<size_t>(ceil_div(p.rows, chunk_rows(p))) * sizeof(double);
}

void forward_rows(const CrossEntropyProblem& p, const CrossEntropyForward<float>& a, KernelContext& context) {
  const Vec lowest = broadcast(-std::numeric_limits<float>::infinity());
  const double smoothing = p.smoothing;
  const auto loss_of_row = [&](int64_t row) {
    const float* x = a.logits + row * p.classes;
    Vec most = lowest;
    for_vectors(0, p.classes,
                [&](int64_t c, auto lanes) { most = max(load_or(x + c, lanes, lowest), most); });
    const float shift = largest_lane(most);
    Vec exponentials{}, deviations{};
    for_vectors(0, p.classes, [&](int64_t c, auto lanes) {
      exponentials += exp(load_or(x + c, lanes, lowest) - shift);
      deviations += load_or(x + c, lanes, broadcast(shift)) - shift;
    });
    const double logarithm = std::log(sum_lanes(exponentials));
    a.log_sum_exp[row] = static_cast<float>(shift + logarithm);
    if (!label_is_valid(p, a.labels, row, context)) return 0.0;
    double loss = logarithm - (1 - smoothing) * (static_cast<double>(x[a.labels[row]]) - shift);
    if (smoothing != 0) loss -= smoothing * sum_lanes(deviations) / static_cast<double>(p.classes);
    return loss;
  };
  auto* totals = static_cast<double*>(context.workspace);
  const int64_t size = chunk_rows(p), chunks = ceil_div(p.rows, size);
  context.parallel(chunks, [&](int64_t chunk, int) {
    double total = 0;
    for (int64_t row = chunk * size; row < std::min((chunk + 1) * size, p.rows); ++row) {
      const double loss = loss_of_row(row);
      if (!p.mean) a.loss[row] = static_cast<float>(loss);
      total += loss;
    }
    totals[chunk] = total;
  });
  if (!p.mean) return;
  double total = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) total += totals[chunk];
  a.loss[0] = static_cast<float>(total / static_cast<double>(p.rows));
}

void backward_rows(const CrossEntropyProblem& p, const CrossEntropyBackward<float>& a,
                   KernelContext& context) {
  const float floor = static_cast<float>(static_cast<double>(p.smoothing) / static_cast<double>(p.classes));
  const double peak = 1 - static_cast<double>(p.smoothing) + floor;
  for_ranges(context, p.rows, chunk_rows(p), [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float *x = a.logits + row * p.classes, log_sum_exp = a.log_sum_exp[row];
      float* dx = a.dlogits + row * p.classes;
      const float dloss = p.mean ? a.dloss[0] / static_cast<float>(p.rows) : a.dloss[row];
      const bool valid = label_is_valid(p, a.labels, row, context);
      const int64_t label = valid ? a.labels[row] : 0;
      // The label's own in double: for a confident right answer probability - target loses its digits.
      const double of_label = std::exp(static_cast<double>(x[label]) - log_sum_exp) - peak;
      for_vectors(0, p.classes, [&](int64_t c, auto lanes) {
        store(dx + c, (exp(load(x + c, lanes) - log_sum_exp) - floor) * dloss, lanes);
      });
      if (valid) dx[label] = static_cast<float>(of_label * dloss);
    }
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(
    cross_entropy_forward, CrossEntropyForward, forward_ref,
    implementation<CrossEntropyForward<float>, &forward_rows, nullptr, &forward_workspace>("rows"))
LAPIDARY_DEFINE_KERNEL(cross_entropy_backward, CrossEntropyBackward, backward_ref,
                       implementation<CrossEntropyBackward<float>, &backward_rows>("rows"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
