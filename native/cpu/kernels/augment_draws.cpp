// Draws the parameters of views (data/transforms.h), a few samples a task. Variants: `samples` runs them over
// the pool; ref draws them one after the other. A Philox block gives four numbers; 32 bytes written a
// transform.
// Bench: npm run bench:kernel -- --kernel draw_transforms --problem "N=128"
#include "cpu/kernels/kernel.h"
#include "ops/transforms.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

// The ranges of every step; empty after a fault.
template <class T>
std::vector<data::Ranges> read_ranges(const std::vector<data::Step>& steps, const T* ranges,
                                      KernelContext& context) {
  std::vector<data::Ranges> all(steps.size());
  for (size_t step = 0; step < steps.size(); ++step) {
    std::copy_n(ranges + step * data::kStepRanges, data::kStepRanges, all[step].begin());
    const std::string wrong = data::range_error(steps[step], all[step]);
    if (wrong.empty()) continue;
    context.fault(ErrorCode::Argument, "draw_transforms: " + wrong);
    return {};
  }
  return all;
}

template <class T>
void draw_sample(const DrawTransformsProblem& p, const DrawTransforms<T>& a,
                 const std::vector<data::Step>& steps, const std::vector<data::Ranges>& ranges, int64_t n,
                 KernelContext& context) {
  if (a.index[n] < 0) {
    context.fault(ErrorCode::Index,
                  format("draw_transforms: expected indices of at least 0, got %d at position %lld",
                         a.index[n], static_cast<long long>(n)));
    return;
  }
  const data::ViewKey key{static_cast<uint64_t>(p.seed), static_cast<uint32_t>(p.site),
                          static_cast<uint32_t>(context.step->epoch), static_cast<uint32_t>(a.index[n]),
                          static_cast<uint32_t>(p.view)};
  T* out = a.parameters + n * p.steps() * data::kStepParameters;
  for (size_t step = 0; step < steps.size(); ++step) {
    const data::Parameters drawn =
        data::draw_parameters(steps[step], static_cast<int>(step), ranges[step], key);
    for (double value : drawn) *out++ = static_cast<T>(value);
  }
}

template <class T>
void draw_ref(const DrawTransformsProblem& p, const DrawTransforms<T>& a, KernelContext& context) {
  const std::vector<data::Step> steps = data::place_steps(p.program, p.h, p.w, 1);
  const std::vector<data::Ranges> ranges = read_ranges(steps, a.ranges, context);
  for (int64_t n = 0; n < p.n && !ranges.empty(); ++n) draw_sample(p, a, steps, ranges, n, context);
}

void draw_samples(const DrawTransformsProblem& p, const DrawTransforms<float>& a, KernelContext& context) {
  const std::vector<data::Step> steps = data::place_steps(p.program, p.h, p.w, 1);
  const std::vector<data::Ranges> ranges = read_ranges(steps, a.ranges, context);
  if (ranges.empty()) return;
  for_ranges(context, p.n, 64, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t n = begin; n < end; ++n) draw_sample(p, a, steps, ranges, n, context);
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(draw_transforms, DrawTransforms, draw_ref,
                       implementation<DrawTransforms<float>, &draw_samples>("samples"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
