// Projected gradient descent in the l_inf ball: the random start and one step, each one pass over memory.
//
// Variants
//   lanes      start: Philox blocks side by side in vectors, a sample a task.
//   streaming  step: vectors over the flat batch.
//   ref        an element at a time, in double.
//
// start 8 bytes and 5 Philox multiplications an element; step 16 bytes, 8 FLOPs an element, bound by memory.
// Bench: npm run bench:kernel -- --kernel pgd_step --problem "count=393216 step=0.0078 epsilon=0.031"
#include "ops/pgd.h"
#include "cpu/kernels/philox_lanes.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

// Limits v to [low, high]; NaN stays.
template <class T>
T clamp(T v, T low, T high) {
  return v < low ? low : v > high ? high : v;
}

template <class T>
void start_ref(const PgdStartProblem& p, const PgdStart<T>& a, KernelContext& context) {
  for (int64_t sample = 0; sample < p.samples; ++sample) {
    const uint64_t high = static_cast<uint64_t>(p.site) << 32 | static_cast<uint32_t>(a.sample_index[sample]);
    const uint64_t low = static_cast<uint64_t>(context.step->step) << 32;
    for (int64_t e = 0; e < p.features; ++e) {
      const Philox::Block block =
          Philox::block(static_cast<uint64_t>(p.seed), high, low | static_cast<uint64_t>(e / 4));
      const double noise =
          p.epsilon * (2 * static_cast<double>(Philox::uniform(block[static_cast<size_t>(e % 4)])) - 1);
      const int64_t i = sample * p.features + e;
      a.y[i] = static_cast<T>(clamp<double>(a.x[i] + noise, p.low, p.high));
    }
  }
}

template <class T>
void step_ref(const PgdStepProblem& p, const PgdStep<T>& a, KernelContext&) {
  const double epsilon = p.epsilon;
  for (int64_t i = 0; i < p.count; ++i) {
    const double sign = (a.gradient[i] > 0) - (a.gradient[i] < 0), x = a.x[i];
    const double moved = clamp<double>(a.x_adv[i] + p.step * sign, x - epsilon, x + epsilon);
    a.y[i] = static_cast<T>(clamp<double>(moved, p.low, p.high));
  }
}

void start_lanes(const PgdStartProblem& p, const PgdStart<float>& a, KernelContext& context) {
  const Vec low = broadcast(p.low), high = broadcast(p.high);
  const auto seed = static_cast<uint64_t>(p.seed), site = static_cast<uint64_t>(p.site) << 32;
  const uint64_t step = static_cast<uint64_t>(context.step->step) << 32;
  for_ranges(context, p.samples, std::max<int64_t>(8192 / p.features, 1),
             [&](int64_t begin, int64_t end, int64_t, int) {
               for (int64_t sample = begin; sample < end; ++sample) {
                 const float* x = a.x + sample * p.features;
                 float* y = a.y + sample * p.features;
                 const uint64_t stream = site | static_cast<uint32_t>(a.sample_index[sample]);
                 for_uniforms(seed, stream, step, 0, p.features,
                              [=, epsilon = p.epsilon](int64_t i, Vec uniform, auto lanes) {
                                const Vec moved = load(x + i, lanes) + epsilon * (2.0f * uniform - 1.0f);
                                store(y + i, clamp(moved, low, high), lanes);
                              });
               }
             });
}

void step_streaming(const PgdStepProblem& p, const PgdStep<float>& a, KernelContext& context) {
  const Vec low = broadcast(p.low), high = broadcast(p.high), step = broadcast(p.step), zero{};
  parallel_vectors(context, p.count, [=](int64_t i, auto lanes) {
    const Vec g = load(a.gradient + i, lanes), x = load(a.x + i, lanes);
    const Vec move = g > zero ? step : g < zero ? -step : zero;
    store(a.y + i, clamp(clamp(load(a.x_adv + i, lanes) + move, x - p.epsilon, x + p.epsilon), low, high),
          lanes);
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(pgd_start, PgdStart, start_ref, implementation<PgdStart<float>, &start_lanes>("lanes"))
LAPIDARY_DEFINE_KERNEL(pgd_step, PgdStep, step_ref,
                       implementation<PgdStep<float>, &step_streaming>("streaming"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
