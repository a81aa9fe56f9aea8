// Random fills and dropout from Philox: an element's value depends on its position, never on the split of the
// work.
//
// Variants
//   lanes  uniforms and dropout: Philox blocks side by side in vectors (philox_lanes.h). Normals keep ref's
//          double logarithm and sines, a Philox block after the other, so every processor draws the same
//          weights.
//   ref    an element at a time.
//
// 10 rounds of two 32-bit multiplications for four values. random_fill writes 4 bytes an element, dropout
// reads 4, writes 8.
// Bench: npm run bench:kernel -- --kernel dropout --problem "count=1048576 rate=0.2 seed=1"
#include "ops/random.h"
#include "cpu/kernels/philox_lanes.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class T>
T uniform_value(const RandomFillProblem& p, uint32_t bits) {
  const double low = p.p0, high = p.p1;
  const T value = static_cast<T>(low + (high - low) * Philox::uniform(bits));
  // Rounding may reach the open end.
  return value >= static_cast<T>(p.p1) && low < high
             ? std::nextafter(static_cast<T>(p.p1), static_cast<T>(p.p0))
             : value;
}

template <class T>
void normal_pair(const RandomFillProblem& p, uint32_t bits0, uint32_t bits1, T values[2]) {
  constexpr double kTwoPi = 6.283185307179586476925286766559;
  const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(Philox::uniform(bits0))));
  const double angle = kTwoPi * Philox::uniform(bits1);
  values[0] = static_cast<T>(p.p0 + p.p1 * (radius * std::cos(angle)));
  values[1] = static_cast<T>(p.p0 + p.p1 * (radius * std::sin(angle)));
}

// Elements begin..end-1, begin a multiple of 4.
template <class T>
void random_range(const RandomFillProblem& p, T* y, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += 4) {
    const Philox::Block block = Philox::block(static_cast<uint64_t>(p.seed), static_cast<uint64_t>(p.stream),
                                              static_cast<uint64_t>(i / 4));
    T values[4];
    if (p.kind == Distribution::Normal) {
      normal_pair(p, block[0], block[1], values);
      normal_pair(p, block[2], block[3], values + 2);
    } else {
      for (int word = 0; word < 4; ++word)
        values[word] = uniform_value<T>(p, block[static_cast<size_t>(word)]);
    }
    std::copy_n(values, std::min<int64_t>(4, end - i), y + i);
  }
}

template <class T>
void random_fill_ref(const RandomFillProblem& p, const RandomFill<T>& a, KernelContext&) {
  random_range(p, a.y, 0, p.count);
}

uint64_t dropout_high(const DropoutProblem& p, const KernelContext& context) {
  return static_cast<uint64_t>(p.site) << 32 | static_cast<uint32_t>(context.step->step);
}

template <class T>
void dropout_ref(const DropoutProblem& p, const Dropout<T>& a, KernelContext& context) {
  const T keep = static_cast<T>(1 / (1 - static_cast<double>(p.rate)));
  const uint64_t high = dropout_high(p, context);
  for (int64_t i = 0; i < p.count; ++i) {
    const Philox::Block block =
        Philox::block(static_cast<uint64_t>(p.seed), high, static_cast<uint64_t>(i / 4));
    const bool kept = Philox::uniform(block[static_cast<size_t>(i % 4)]) >= p.rate;
    a.mask[i] = kept ? keep : T(0);
    a.y[i] = kept ? static_cast<T>(static_cast<double>(a.x[i]) * keep) : T(0);
  }
}

void random_fill_lanes(const RandomFillProblem& p, const RandomFill<float>& a, KernelContext& context) {
  for_ranges(context, ceil_div(p.count, kPhiloxElements), 8192 / kPhiloxElements,
             [&](int64_t begin, int64_t end, int64_t, int) {
               const int64_t first = begin * kPhiloxElements, last = std::min(end * kPhiloxElements, p.count);
               if (p.kind == Distribution::Normal) return random_range(p, a.y, first, last);
               const auto seed = static_cast<uint64_t>(p.seed), stream = static_cast<uint64_t>(p.stream);
               const double low = p.p0, span = static_cast<double>(p.p1) - p.p0;
               const float top =
                   p.p0 < p.p1 ? std::nextafter(p.p1, p.p0) : std::numeric_limits<float>::infinity();
               for_uniforms(seed, stream, 0, first, last, [=](int64_t i, Vec uniform, int64_t lanes) {
                 for (int64_t lane = 0; lane < lanes; ++lane) {
                   a.y[i + lane] = std::min(static_cast<float>(low + span * uniform[lane]), top);
                 }
               });
             });
}

void dropout_lanes(const DropoutProblem& p, const Dropout<float>& a, KernelContext& context) {
  const Vec keep = broadcast(static_cast<float>(1 / (1 - static_cast<double>(p.rate)))),
            rate = broadcast(p.rate);
  const auto seed = static_cast<uint64_t>(p.seed);
  const uint64_t high = dropout_high(p, context);
  for_ranges(context, ceil_div(p.count, kPhiloxElements), 8192 / kPhiloxElements,
             [&](int64_t begin, int64_t end, int64_t, int) {
               const int64_t first = begin * kPhiloxElements, last = std::min(end * kPhiloxElements, p.count);
               for_uniforms(seed, high, 0, first, last, [=](int64_t i, Vec uniform, auto lanes) {
                 const auto kept = uniform >= rate;
                 store(a.mask + i, kept ? keep : Vec{}, lanes);
                 store(a.y + i, kept ? load(a.x + i, lanes) * keep : Vec{}, lanes);
               });
             });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(random_fill, RandomFill, random_fill_ref,
                       implementation<RandomFill<float>, &random_fill_lanes>("lanes"))
LAPIDARY_DEFINE_KERNEL(dropout, Dropout, dropout_ref, implementation<Dropout<float>, &dropout_lanes>("lanes"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
