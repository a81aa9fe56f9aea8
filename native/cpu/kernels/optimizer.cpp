// Multi-tensor optimiser kernels: one launch walks all tensors as if they were one.
//
// Variants
//   streaming  sgd, adam, lerp, clip_norm: the joined tensors are cut into fixed pieces, in parallel. Masks
//   are
//              compiled in or out.
//   chunked    norm2: the same pieces, their sums of squares added in order in double.
//   ref        a value at a time, in double.
//
// Per weight: sgd 20 bytes with momentum (12 without), 6 FLOPs; adam 28 bytes, 15 FLOPs with a root and two
// quotients; a mask 1 byte more; lerp 12 bytes, 3 FLOPs; norm2 4 bytes, 2 FLOPs; clip_norm 8 bytes, 1 FLOP
// (nothing when the norm is within the limit).
// Bench: npm run bench:kernel -- --kernel sgd --problem "counts=2097152x16x16 momentum=0.9 decay=0.0001"
//        npm run bench:kernel -- --kernel adam --problem "counts=2097152x16x16 decoupled=1 decay=0.01"
#include "ops/optimizer.h"
#include "cpu/kernels/joined_tensors.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

float step_scalar(const KernelContext& context, int64_t slot) {
  return context.step->scalars[static_cast<size_t>(slot)];
}

template <class T>
void sgd_ref(const SgdProblem& p, const Sgd<T>& a, KernelContext& context) {
  const double rate = step_scalar(context, p.rate_slot) * static_cast<double>(p.rate_factor);
  const double momentum = p.momentum, decay = p.decay;
  for (size_t tensor = 0; tensor < p.counts.size(); ++tensor) {
    T* w = a.weights[tensor];
    for (int64_t i = 0; i < p.counts[tensor]; ++i) {
      if (a.masks && !a.masks[tensor][i]) {
        w[i] = 0;
        if (a.momenta) a.momenta[tensor][i] = 0;
        continue;
      }
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
void adam_ref(const AdamProblem& p, const Adam<T>& a, KernelContext& context) {
  const double rate = step_scalar(context, p.rate_slot) * static_cast<double>(p.rate_factor);
  const double step = rate * step_scalar(context, p.first_slot), root = step_scalar(context, p.second_slot);
  const double decay = p.decay, epsilon = p.epsilon;
  for (size_t tensor = 0; tensor < p.counts.size(); ++tensor) {
    T *w = a.weights[tensor], *first = a.firsts[tensor], *second = a.seconds[tensor];
    for (int64_t i = 0; i < p.counts[tensor]; ++i) {
      if (a.masks && !a.masks[tensor][i]) {
        w[i] = first[i] = second[i] = 0;
        continue;
      }
      const double weight = p.decoupled ? w[i] * (1 - rate * decay) : w[i];
      const double g = p.decoupled ? a.gradients[tensor][i] : a.gradients[tensor][i] + decay * w[i];
      const double m = first[i] + (1 - p.beta1) * (g - first[i]);
      const double v = p.beta2 * second[i] + (1 - p.beta2) * g * g;
      first[i] = static_cast<T>(m), second[i] = static_cast<T>(v);
      w[i] = static_cast<T>(weight - step * m / (std::sqrt(v) * root + epsilon));
    }
  }
}

template <class T>
void lerp_ref(const LerpProblem& p, const Lerp<T>& a, KernelContext& context) {
  const double share = step_scalar(context, p.share_slot);
  for (size_t tensor = 0; tensor < p.counts.size(); ++tensor) {
    T* average = a.averages[tensor];
    for (int64_t i = 0; i < p.counts[tensor]; ++i) {
      average[i] =
          static_cast<T>(average[i] + share * (a.values[tensor][i] - static_cast<double>(average[i])));
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

// A place of a mask list as a condition: true in lanes of kept weights.
template <class Lanes>
IntVec kept_lanes(const uint8_t* mask, int64_t i, Lanes lanes) {
  int32_t kept[kLanes] = {};
  for (int64_t lane = 0; lane < lanes; ++lane) kept[lane] = mask[i + lane];
  IntVec v;
  std::memcpy(&v, kept, sizeof v);
  return v != 0;
}

Vec square_root(Vec x) {
  float values[kLanes];
  store(values, x);
  for (float& value : values) value = std::sqrt(value);
  return load(values);
}

template <bool kMomentum, bool kNesterov, bool kMasked>
void sgd_streaming_of(const SgdProblem& p, const Sgd<float>& a, KernelContext& context) {
  const float rate = step_scalar(context, p.rate_slot) * p.rate_factor, momentum = p.momentum,
              decay = p.decay;
  parallel_parts(context, p.counts, [&](int64_t, size_t tensor, int64_t first, int64_t last) {
    float *w = a.weights[tensor], *momenta = kMomentum ? a.momenta[tensor] : nullptr;
    const float* gradient = a.gradients[tensor];
    const uint8_t* mask = kMasked ? a.masks[tensor] : nullptr;
    for_vectors(first, last, [=](int64_t i, auto lanes) {
      const auto kept = [&](Vec v) {
        if constexpr (kMasked) return kept_lanes(mask, i, lanes) ? v : Vec{};
        return v;
      };
      const Vec weight = load(w + i, lanes), g = load(gradient + i, lanes) + decay * weight;
      Vec step = g;
      if constexpr (kMomentum) {
        const Vec v = momentum * load(momenta + i, lanes) + g;
        store(momenta + i, kept(v), lanes);
        // A flag at run time here, between selections by lane, is miscompiled by GCC 12 for AVX-512.
        if constexpr (kNesterov) step = g + momentum * v;
        if constexpr (!kNesterov) step = v;
      }
      store(w + i, kept(weight - rate * step), lanes);
    });
  });
}

void sgd_streaming(const SgdProblem& p, const Sgd<float>& a, KernelContext& context) {
  with_flag(a.momenta != nullptr, [&](auto momentum) {
    with_flag(p.nesterov, [&](auto nesterov) {
      with_flag(p.masked, [&](auto masked) { sgd_streaming_of<momentum, nesterov, masked>(p, a, context); });
    });
  });
}

void adam_streaming(const AdamProblem& p, const Adam<float>& a, KernelContext& context) {
  const float rate = step_scalar(context, p.rate_slot) * p.rate_factor;
  const float step = rate * step_scalar(context, p.first_slot), root = step_scalar(context, p.second_slot);
  // Either the weight shrinks or the gradient grows.
  const float shrink = p.decoupled ? 1 - rate * p.decay : 1, decay = p.decoupled ? 0 : p.decay;
  const auto beta2 = static_cast<float>(p.beta2), rest1 = static_cast<float>(1 - p.beta1),
             rest2 = static_cast<float>(1 - p.beta2);
  with_flag(p.masked, [&](auto masked) {
    parallel_parts(context, p.counts, [&](int64_t, size_t tensor, int64_t begin, int64_t end) {
      float *w = a.weights[tensor], *first = a.firsts[tensor], *second = a.seconds[tensor];
      const float* gradient = a.gradients[tensor];
      const uint8_t* mask = masked ? a.masks[tensor] : nullptr;
      for_vectors(begin, end, [=, epsilon = p.epsilon](int64_t i, auto lanes) {
        const auto kept = [&](Vec v) {
          if constexpr (masked) return kept_lanes(mask, i, lanes) ? v : Vec{};
          return v;
        };
        const Vec weight = load(w + i, lanes), g = load(gradient + i, lanes) + decay * weight;
        Vec m = load(first + i, lanes);
        m += rest1 * (g - m);
        const Vec v = beta2 * load(second + i, lanes) + rest2 * (g * g);
        store(first + i, kept(m), lanes);
        store(second + i, kept(v), lanes);
        store(w + i, kept(shrink * weight - step * (m / (square_root(v) * root + epsilon))), lanes);
      });
    });
  });
}

void lerp_streaming(const LerpProblem& p, const Lerp<float>& a, KernelContext& context) {
  const float share = step_scalar(context, p.share_slot);
  parallel_parts(context, p.counts, [&](int64_t, size_t tensor, int64_t first, int64_t last) {
    float* average = a.averages[tensor];
    const float* value = a.values[tensor];
    for_vectors(first, last, [=](int64_t i, auto lanes) {
      const Vec old = load(average + i, lanes);
      store(average + i, old + share * (load(value + i, lanes) - old), lanes);
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
LAPIDARY_DEFINE_KERNEL(adam, Adam, adam_ref, implementation<Adam<float>, &adam_streaming>("streaming"))
LAPIDARY_DEFINE_KERNEL(lerp, Lerp, lerp_ref, implementation<Lerp<float>, &lerp_streaming>("streaming"))
LAPIDARY_DEFINE_KERNEL(norm2, Norm2, norm2_ref,
                       implementation<Norm2<float>, &norm2_chunked, nullptr, &norm2_workspace>("chunked"))
LAPIDARY_DEFINE_KERNEL(clip_norm, ClipNorm, clip_norm_ref,
                       implementation<ClipNorm<float>, &clip_norm_streaming>("streaming"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
