// Multi-tensor optimiser kernels: one launch walks all tensors as if they were one.
//
// Variants
//   streaming  sgd, clip_norm: the joined tensors are cut into fixed pieces, in parallel.
//   chunked    norm2: the same pieces, their sums of squares added in order in double.
//   ref        a value at a time, in double.
//
// Per weight: sgd 20 bytes with momentum (12 without), 6 FLOPs; norm2 4 bytes, 2 FLOPs; clip_norm 8 bytes, 1
// FLOP (nothing when the norm is within the limit).
// Bench: npm run bench:kernel -- --kernel sgd --problem "counts=2097152x16x16 momentum=0.9 decay=0.0001"
#include "ops/optimizer.h"
#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class T>
void sgd_ref(const SgdProblem& p, const Sgd<T>& a, KernelContext& context) {
  const double rate = context.step->scalars[static_cast<size_t>(p.rate_slot)];
  const double momentum = p.momentum, decay = p.decay;
  for (size_t tensor = 0; tensor < p.counts.size(); ++tensor) {
    T* w = a.weights[tensor];
    for (int64_t i = 0; i < p.counts[tensor]; ++i) {
      const double g = a.gradients[tensor][i] + decay * w[i];
      double step = g;
      if (a.momenta) {
        const double v = momentum * a.momenta[tensor][i] + g;
        a.momenta[tensor][i] = static_cast<T>(v);
        step = p.nesterov ? g + momentum * v : v;
      }
      w[i] = static_cast<T>(w[i] - rate * step);
    }
  }
}

template <class T>
void norm2_ref(const Norm2Problem& p, const Norm2<T>& a, KernelContext&) {
  double sum = 0;
  for (size_t tensor = 0; tensor < p.counts.size(); ++tensor) {
    for (int64_t i = 0; i < p.counts[tensor]; ++i) {
      sum += static_cast<double>(a.x[tensor][i]) * a.x[tensor][i];
    }
  }
  a.norm[0] = static_cast<T>(std::sqrt(sum));
}

template <class T>
void clip_norm_ref(const ClipNormProblem& p, const ClipNorm<T>& a, KernelContext&) {
  const double ratio = p.limit / (static_cast<double>(a.norm[0]) + 1e-6), factor = ratio > 1 ? 1 : ratio;
  for (size_t tensor = 0; tensor < p.counts.size(); ++tensor) {
    for (int64_t i = 0; i < p.counts[tensor]; ++i) a.x[tensor][i] = static_cast<T>(a.x[tensor][i] * factor);
  }
}

constexpr int64_t kPiece = 16384;

int64_t total_of(const Counts& counts) {
  int64_t total = 0;
  for (int64_t count : counts) total += count;
  return total;
}

// body(tensor, first, last) for the parts of tensors that lie in begin..end-1 of all tensors joined.
template <class Body>
void for_parts(const Counts& counts, int64_t begin, int64_t end, Body&& body) {
  int64_t start = 0;
  for (size_t tensor = 0; tensor < counts.size() && start < end; start += counts[tensor++]) {
    const int64_t first = std::max(begin - start, int64_t{0}), last = std::min(end - start, counts[tensor]);
    if (first < last) body(tensor, first, last);
  }
}

template <class Body>
void parallel_parts(KernelContext& context, const Counts& counts, const Body& body) {
  const int64_t total = total_of(counts);
  context.parallel(ceil_div(total, kPiece), [&](int64_t piece, int) {
    for_parts(counts, piece * kPiece, std::min((piece + 1) * kPiece, total),
              [&](size_t tensor, int64_t first, int64_t last) { body(piece, tensor, first, last); });
  });
}

void sgd_streaming(const SgdProblem& p, const Sgd<float>& a, KernelContext& context) {
  const float rate = context.step->scalars[static_cast<size_t>(p.rate_slot)], momentum = p.momentum,
              decay = p.decay;
  with_flag(a.momenta != nullptr, [&](auto has_momentum) {
    parallel_parts(context, p.counts, [&](int64_t, size_t tensor, int64_t first, int64_t last) {
      float *w = a.weights[tensor], *momenta = has_momentum ? a.momenta[tensor] : nullptr;
      const float* gradient = a.gradients[tensor];
      for_vectors(first, last, [=, nesterov = p.nesterov](int64_t i, auto lanes) {
        const Vec weight = load(w + i, lanes), g = load(gradient + i, lanes) + decay * weight;
        Vec step = g;
        if constexpr (has_momentum) {
          const Vec v = momentum * load(momenta + i, lanes) + g;
          store(momenta + i, v, lanes);
          step = nesterov ? g + momentum * v : v;
        }
        store(w + i, weight - rate * step, lanes);
      });
    });
  });
}

size_t norm2_workspace(const Norm2Problem& p) {
  return static_cast<size_t>(ceil_div(total_of(p.counts), kPiece)) * sizeof(double);
}

void norm2_chunked(const Norm2Problem& p, const Norm2<float>& a, KernelContext& context) {
  const int64_t pieces = ceil_div(total_of(p.counts), kPiece);
  auto* sums = static_cast<double*>(context.workspace);
  std::fill_n(sums, pieces, 0.0);
  parallel_parts(context, p.counts, [&](int64_t piece, size_t tensor, int64_t first, int64_t last) {
    const float* x = a.x[tensor];
    Vec squares[4] = {};
    int64_t i = first;
    for (; i + 4 * kLanes <= last; i += 4 * kLanes) {
      for (int u = 0; u < 4; ++u) {
        const Vec v = load(x + i + u * kLanes);
        squares[u] += v * v;
      }
    }
    for_vectors(i, last, [&](int64_t at, auto lanes) {
      const Vec v = load(x + at, lanes);
      squares[0] += v * v;
    });
    sums[piece] += sum_lanes((squares[0] + squares[1]) + (squares[2] + squares[3]));
  });
  double sum = 0;
  for (int64_t piece = 0; piece < pieces; ++piece) sum += sums[piece];
  a.norm[0] = static_cast<float>(std::sqrt(sum));
}

void clip_norm_streaming(const ClipNormProblem& p, const ClipNorm<float>& a, KernelContext& context) {
  const float ratio = static_cast<float>(p.limit / (static_cast<double>(a.norm[0]) + 1e-6));
  if (ratio >= 1) return;
  parallel_parts(context, p.counts, [&](int64_t, size_t tensor, int64_t first, int64_t last) {
    float* x = a.x[tensor];
    for_vectors(first, last, [=](int64_t i, auto lanes) { store(x + i, load(x + i, lanes) * ratio, lanes); });
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(sgd, Sgd, sgd_ref, implementation<Sgd<float>, &sgd_streaming>("streaming"))
LAPIDARY_DEFINE_KERNEL(norm2, Norm2, norm2_ref,
                       implementation<Norm2<float>, &norm2_chunked, nullptr, &norm2_workspace>("chunked"))
LAPIDARY_DEFINE_KERNEL(clip_norm, ClipNorm, clip_norm_ref,
                       implementation<ClipNorm<float>, &clip_norm_streaming>("streaming"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
