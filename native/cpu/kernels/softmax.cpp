// Softmax and log-softmax of each row of [rows, classes], and their backwards.
//
// Variants
//   rows  rows in parallel, vectors along the classes; a row's result does not depend on the others.
//   ref   a value at a time, in double.
//
// Reads and writes 8 bytes an element (backward 12; a row is read again from cache), about 25 FLOPs with an
// exponential.
// Bench: npm run bench:kernel -- --kernel softmax_forward --problem "rows=4096 classes=1000"
#include "ops/softmax.h"
#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class T>
void forward_ref(const SoftmaxProblem& p, const SoftmaxForward<T>& a, KernelContext&) {
  for (int64_t row = 0; row < p.rows; ++row) {
    const T* x = a.x + row * p.classes;
    T* y = a.y + row * p.classes;
    const double most = *std::max_element(x, x + p.classes);
    double sum = 0;
    for (int64_t c = 0; c < p.classes; ++c) sum += std::exp(x[c] - most);
    for (int64_t c = 0; c < p.classes; ++c) {
      y[c] = static_cast<T>(p.logarithm ? x[c] - most - std::log(sum) : std::exp(x[c] - most) / sum);
    }
  }
}

template <class T>
void backward_ref(const SoftmaxProblem& p, const SoftmaxBackward<T>& a, KernelContext&) {
  for (int64_t row = 0; row < p.rows; ++row) {
    const T *y = a.y + row * p.classes, *dy = a.dy + row * p.classes;
    T* dx = a.dx + row * p.classes;
    double sum = 0;
    for (int64_t c = 0; c < p.classes; ++c) sum += p.logarithm ? dy[c] : static_cast<double>(dy[c]) * y[c];
    for (int64_t c = 0; c < p.classes; ++c) {
      dx[c] = static_cast<T>(p.logarithm ? dy[c] - std::exp(static_cast<double>(y[c])) * sum
                                         : y[c] * (dy[c] - sum));
    }
  }
}

int64_t row_grain(const SoftmaxProblem& p) { return std::max<int64_t>(kStreamGrain / 4 / p.classes, 1); }

void forward_rows(const SoftmaxProblem& p, const SoftmaxForward<float>& a, KernelContext& context) {
  const Vec lowest = broadcast(-std::numeric_limits<float>::infinity());
  const auto row = [&](const float* x, float* y) {
    Vec most = lowest;
    for_vectors(0, p.classes,
                [&](int64_t c, auto lanes) { most = max(load_or(x + c, lanes, lowest), most); });
    const float shift = largest_lane(most);
    Vec sums{};
    for_vectors(0, p.classes, [&](int64_t c, auto lanes) {
      const Vec e = exp(load_or(x + c, lanes, lowest) - shift);
      if (!p.logarithm) store(y + c, e, lanes);
      sums += e;
    });
    const double sum = sum_lanes(sums);
    if (p.logarithm) {
      const float logarithm = static_cast<float>(std::log(sum));
      for_vectors(0, p.classes, [&](int64_t c, auto lanes) {
        store(y + c, load(x + c, lanes) - shift - logarithm, lanes);
      });
    } else {
      const float scale = static_cast<float>(1 / sum);
      for_vectors(0, p.classes,
                  [&](int64_t c, auto lanes) { store(y + c, load(y + c, lanes) * scale, lanes); });
    }
  };
  for_ranges(context, p.rows, row_grain(p), [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t i = begin; i < end; ++i) row(a.x + i * p.classes, a.y + i * p.classes);
  });
}

void backward_rows(const SoftmaxProblem& p, const SoftmaxBackward<float>& a, KernelContext& context) {
  const auto row = [&](const float* y, const float* dy, float* dx) {
    Vec sums{};
    for_vectors(0, p.classes, [&](int64_t c, auto lanes) {
      const Vec d = load(dy + c, lanes);
      sums += p.logarithm ? d : d * load(y + c, lanes);
    });
    const float sum = static_cast<float>(sum_lanes(sums));
    for_vectors(0, p.classes, [&](int64_t c, auto lanes) {
      const Vec d = load(dy + c, lanes), v = load(y + c, lanes);
      store(dx + c, p.logarithm ? d - exp(v) * sum : v * (d - sum), lanes);
    });
  };
  for_ranges(context, p.rows, row_grain(p), [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t i = begin; i < end; ++i)
      row(a.y + i * p.classes, a.dy + i * p.classes, a.dx + i * p.classes);
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(softmax_forward, SoftmaxForward, forward_ref,
                       implementation<SoftmaxForward<float>, &forward_rows>("rows"))
LAPIDARY_DEFINE_KERNEL(softmax_backward, SoftmaxBackward, backward_ref,
                       implementation<SoftmaxBackward<float>, &backward_rows>("rows"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
