// Channel scores: the l1 or l2 norm of each filter of [channels, weights].
//
// Variants
//   rows  filters in parallel, vectors along a filter's weights.
//   ref   a value at a time, in double.
//
// 4 bytes and 2 FLOPs a weight; filters mostly lie in cache.
// Bench: npm run bench:kernel -- --kernel channel_scores --problem "channels=512 weights=4608"
#include "ops/prune.h"
#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class T>
void channel_scores_ref(const ChannelScoresProblem& p, const ChannelScores<T>& a, KernelContext&) {
  for (int64_t k = 0; k < p.channels; ++k) {
    const T* w = a.filter + k * p.weights;
    double sum = 0;
    for (int64_t i = 0; i < p.weights; ++i) {
      const double magnitude = std::abs(static_cast<double>(w[i]));
      sum += p.kind == ScoreKind::L1 ? magnitude : magnitude * magnitude;
    }
    a.score[k] = static_cast<T>(p.kind == ScoreKind::L1 ? sum : std::sqrt(sum));
  }
}

void channel_scores_rows(const ChannelScoresProblem& p, const ChannelScores<float>& a,
                         KernelContext& context) {
  const int64_t grain = std::max<int64_t>(kStreamGrain / p.weights, 1);
  with_flag(p.kind == ScoreKind::L1, [&](auto l1) {
    for_ranges(context, p.channels, grain, [&](int64_t begin, int64_t end, int64_t, int) {
      for (int64_t k = begin; k < end; ++k) {
        const float* w = a.filter + k * p.weights;
        double total = 0;
        // At most 256 vectors are added in f32, then in double.
        for (int64_t first = 0; first < p.weights; first += int64_t{256} * kLanes) {
          Vec sum{};
          for_vectors(first, std::min(p.weights, first + int64_t{256} * kLanes), [&](int64_t i, auto lanes) {
            const Vec v = load(w + i, lanes);
            sum += l1 ? magnitude(v) : v * v;
          });
          total += sum_lanes(sum);
        }
        a.score[k] = static_cast<float>(l1 ? total : std::sqrt(total));
      }
    });
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(channel_scores, ChannelScores, channel_scores_ref,
                       implementation<ChannelScores<float>, &channel_scores_rows>("rows"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
