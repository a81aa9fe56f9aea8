// Projected gradient descent in the l_inf and the l_2 ball: the random start and one step, each one pass over
// memory.
//
// Variants
//   lanes      start, linf: Philox blocks side by side in vectors, a sample a task.
//   streaming  step, linf: vectors over the flat batch.
//   samples    l2: a sample a task, which stays in cache between the sums for its norms (in double, as
//              gradients of well classified images are too small to be squared in f32) and the move. The
//              normals of the start keep double logarithms and sines, so every processor draws the same.
//   ref        an element at a time, in double.
//
// start 8 bytes and 5 Philox multiplications an element; step 16 bytes, 8 FLOPs (l2: 12) an element, bound by
// memory.
// Bench: npm run bench:kernel -- --kernel pgd_step --problem "samples=128 features=3072 step=0.0078
// epsilon=0.031"
//        npm run bench:kernel -- --kernel pgd_step --problem "samples=128 features=3072 step=0.1 epsilon=0.5
//        norm=l2"
#include "ops/pgd.h"
#include "cpu/kernels/philox_lanes.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

// Limits v to [low, high]; NaN stays.
template <class T>
T clamp(T v, T low, T high) {
  return v < low ? low : v > high ? high : v;
}

struct Counters {
  uint64_t key, high, low;
};
Counters counters_of(const PgdStartProblem& p, int32_t sample_index, const KernelContext& context) {
  return {static_cast<uint64_t>(p.seed),
          static_cast<uint64_t>(p.site) << 32 | static_cast<uint32_t>(sample_index),
          static_cast<uint64_t>(context.step->step) << 32};
}

// Standard normals for the elements of one sample. Returns the factor that turns them into a point of the
// ball.
template <class T>
double normal_direction(const PgdStartProblem& p, const Counters& counters, T* z) {
  constexpr double kTwoPi = 6.283185307179586476925286766559;
  double squares = 0;
  for (int64_t e = 0; e < p.features; e += 2) {
    const Philox::Block block =
        Philox::block(counters.key, counters.high, counters.low | static_cast<uint64_t>(e / 4));
    const size_t word = static_cast<size_t>(e % 4);
    const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(Philox::uniform(block[word]))));
    const double angle = kTwoPi * static_cast<double>(Philox::uniform(block[word + 1]));
    const double pair[2] = {radius * std::cos(angle), radius * std::sin(angle)};
    for (int64_t i = 0; i < std::min<int64_t>(2, p.features - e); ++i) {
      z[e + i] = static_cast<T>(pair[i]);
      squares += pair[i] * pair[i];
    }
  }
  const double r = Philox::uniform(Philox::block(counters.key, counters.high, counters.low | 0xffffffffu)[0]);
  return squares > 0 ? p.epsilon * std::pow(r, 1 / static_cast<double>(p.features)) / std::sqrt(squares) : 0;
}

template <class T>
void start_ref(const PgdStartProblem& p, const PgdStart<T>& a, KernelContext& context) {
  for (int64_t sample = 0; sample < p.samples; ++sample) {
    const Counters counters = counters_of(p, a.sample_index[sample], context);
    const T* x = a.x + sample * p.features;
    T* y = a.y + sample * p.features;
    const double factor = p.norm == BallNorm::L2 ? normal_direction(p, counters, y) : 0;
    for (int64_t e = 0; e < p.features; ++e) {
      double noise = factor * y[e];
      if (p.norm == BallNorm::Linf) {
        const Philox::Block block =
            Philox::block(counters.key, counters.high, counters.low | static_cast<uint64_t>(e / 4));
        noise = p.epsilon * (2 * static_cast<double>(Philox::uniform(block[static_cast<size_t>(e % 4)])) - 1);
      }
      y[e] = static_cast<T>(clamp<double>(x[e] + noise, p.low, p.high));
    }
  }
}

template <class T>
void step_linf_ref(const PgdStepProblem& p, const PgdStep<T>& a) {
  const double epsilon = p.epsilon;
  for (int64_t i = 0; i < p.samples * p.features; ++i) {
    const double sign = (a.gradient[i] > 0) - (a.gradient[i] < 0), x = a.x[i];
    const double moved = clamp<double>(a.x_adv[i] + p.step * sign, x - epsilon, x + epsilon);
    a.y[i] = static_cast<T>(clamp<double>(moved, p.low, p.high));
  }
}

// What a gradient is multiplied by, given the sum of its squares.
double move_factor(double step, double squares) {
  return squares > 0 && std::isfinite(squares) ? step / std::sqrt(squares) : 0;
}
// What shortens a distance to at most epsilon.
double projection_factor(double epsilon, double squares) {
  return squares > epsilon * epsilon ? epsilon / std::sqrt(squares) : 1;
}

template <class T>
void step_ref(const PgdStepProblem& p, const PgdStep<T>& a, KernelContext&) {
  if (p.norm == BallNorm::Linf) return step_linf_ref(p, a);
  for (int64_t first = 0; first < p.samples * p.features; first += p.features) {
    double squares = 0, distance = 0;
    for (int64_t i = first; i < first + p.features; ++i) {
      squares += static_cast<double>(a.gradient[i]) * a.gradient[i];
    }
    const double move = move_factor(p.step, squares);
    const auto moved = [&](int64_t i) {
      const double from = static_cast<double>(a.x_adv[i]) - a.x[i];
      return move == 0 ? from : from + move * a.gradient[i];
    };
    for (int64_t i = first; i < first + p.features; ++i) distance += moved(i) * moved(i);
    const double project = projection_factor(p.epsilon, distance);
    for (int64_t i = first; i < first + p.features; ++i) {
      a.y[i] = static_cast<T>(clamp<double>(a.x[i] + project * moved(i), p.low, p.high));
    }
  }
}

// Whole samples in parallel.
template <class Body>
void for_samples(KernelContext& context, int64_t samples, int64_t features, int64_t grain, Body&& body) {
  for_ranges(context, samples, std::max<int64_t>(grain / features, 1),
             [&](int64_t begin, int64_t end, int64_t, int) {
               for (int64_t sample = begin; sample < end; ++sample) body(sample, sample * features);
             });
}

typedef double DoubleVec __attribute__((vector_size(LAPIDARY_VLEN * sizeof(double))));

DoubleVec wide(Vec v) { return __builtin_convertvector(v, DoubleVec); }
double sum_lanes(DoubleVec v) {
  double sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += v[lane];
  return sum;
}

template <class Problem>
std::string linf_only(const Problem& p) {
  return p.norm == BallNorm::Linf ? "" : "expected the l_inf ball";
}
template <class Problem>
std::string l2_only(const Problem& p) {
  return p.norm == BallNorm::L2 ? "" : "expected the l_2 ball";
}

void start_lanes(const PgdStartProblem& p, const PgdStart<float>& a, KernelContext& context) {
  const Vec low = broadcast(p.low), high = broadcast(p.high);
  for_samples(context, p.samples, p.features, 8192, [&](int64_t sample, int64_t first) {
    const float* x = a.x + first;
    float* y = a.y + first;
    const Counters counters = counters_of(p, a.sample_index[sample], context);
    for_uniforms(counters.key, counters.high, counters.low, 0, p.features,
                 [=, epsilon = p.epsilon](int64_t i, Vec uniform, auto lanes) {
                   const Vec moved = load(x + i, lanes) + epsilon * (2.0f * uniform - 1.0f);
                   store(y + i, clamp(moved, low, high), lanes);
                 });
  });
}

void start_samples(const PgdStartProblem& p, const PgdStart<float>& a, KernelContext& context) {
  const Vec low = broadcast(p.low), high = broadcast(p.high);
  for_samples(context, p.samples, p.features, 1024, [&](int64_t sample, int64_t first) {
    const float* x = a.x + first;
    float* y = a.y + first;
    const auto factor =
        static_cast<float>(normal_direction(p, counters_of(p, a.sample_index[sample], context), y));
    for_vectors(0, p.features, [=](int64_t i, auto lanes) {
      store(y + i, clamp(load(x + i, lanes) + factor * load(y + i, lanes), low, high), lanes);
    });
  });
}

void step_streaming(const PgdStepProblem& p, const PgdStep<float>& a, KernelContext& context) {
  const Vec low = broadcast(p.low), high = broadcast(p.high), step = broadcast(p.step), zero{};
  parallel_vectors(context, p.samples * p.features, [=](int64_t i, auto lanes) {
    const Vec g = load(a.gradient + i, lanes), x = load(a.x + i, lanes);
    const Vec move = g > zero ? step : g < zero ? -step : zero;
    store(a.y + i, clamp(clamp(load(a.x_adv + i, lanes) + move, x - p.epsilon, x + p.epsilon), low, high),
          lanes);
  });
}

void step_samples(const PgdStepProblem& p, const PgdStep<float>& a, KernelContext& context) {
  const Vec low = broadcast(p.low), high = broadcast(p.high);
  for_samples(context, p.samples, p.features, 8192, [&](int64_t, int64_t first) {
    const float *adversarial = a.x_adv + first, *gradient = a.gradient + first, *x = a.x + first;
    float* y = a.y + first;
    DoubleVec squares{}, distance{};
    for_vectors(0, p.features, [&](int64_t i, auto lanes) {
      const DoubleVec g = wide(load(gradient + i, lanes));
      squares += g * g;
    });
    const double move = move_factor(p.step, sum_lanes(squares));
    with_flag(move != 0, [&](auto moves) {
      for_vectors(0, p.features, [&](int64_t i, auto lanes) {
        DoubleVec d = wide(load(adversarial + i, lanes)) - wide(load(x + i, lanes));
        if constexpr (moves) d += move * wide(load(gradient + i, lanes));
        distance += d * d;
        store(y + i, __builtin_convertvector(d, Vec), lanes);
      });
    });
    const auto project = static_cast<float>(projection_factor(p.epsilon, sum_lanes(distance)));
    for_vectors(0, p.features, [=](int64_t i, auto lanes) {
      store(y + i, clamp(load(x + i, lanes) + project * load(y + i, lanes), low, high), lanes);
    });
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(pgd_start, PgdStart, start_ref,
                       implementation<PgdStart<float>, &start_lanes, &linf_only<PgdStartProblem>>("lanes"),
                       implementation<PgdStart<float>, &start_samples, &l2_only<PgdStartProblem>>("samples"))
LAPIDARY_DEFINE_KERNEL(
    pgd_step, PgdStep, step_ref,
    implementation<PgdStep<float>, &step_streaming, &linf_only<PgdStepProblem>>("streaming"),
    implementation<PgdStep<float>, &step_samples, &l2_only<PgdStepProblem>>("samples"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
