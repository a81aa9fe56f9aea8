// Channel scores: the l1 or l2 norm of each filter of [channels, weights]. Magnitude masks: the k-th smallest
// magnitude of many tensors, and the masks that leave out what lies below.
//
// Variants
//   rows    scores: filters in parallel, vectors along a filter's weights.
//   radix   threshold: selection without sorting. The bits of a magnitude, read as an integer, are in its
//   order; three
//           passes count them by digits of 11, 10 and 10 bits and so narrow down the bits of the k-th, a
//           fourth counts its ties. Counts are whole numbers, so no order of adding them changes the result.
//   pieces  masks: pieces of the joined tensors in parallel, each with its number of ties to prune.
//   ref     a value at a time, in double; the threshold by nth_element.
//
// scores 4 bytes and 2 FLOPs a weight, and filters mostly lie in cache; threshold 16 bytes a weight in four
// passes, masks 9 bytes. Bench: npm run bench:kernel -- --kernel channel_scores --problem "channels=512
// weights=4608"
//        npm run bench:kernel -- --kernel magnitude_threshold --problem "counts=2359296x1179648
//        pruned=1769472"
#include "ops/prune.h"

#include <vector>

#include "cpu/kernels/joined_tensors.h"

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

// Reports the first NaN; false when there is none.
template <class T>
bool refuse_nan(const MagnitudeMaskProblem& p, const T* const* weights, KernelContext& context) {
  for (size_t tensor = 0; tensor < p.counts.size(); ++tensor) {
    for (int64_t i = 0; i < p.counts[tensor]; ++i) {
      if (weights[tensor][i] == weights[tensor][i]) continue;
      context.fault(ErrorCode::NonFinite,
                    format("expected weights without NaN to prune by magnitude, found one at element %lld of "
                           "tensor %zu; no weight was changed",
                           static_cast<long long>(i), tensor));
      return true;
    }
  }
  return false;
}

// Shares the ties that go among the pieces, the first ones first. `ties` holds how many each piece has.
void take_ties(const MagnitudeMaskProblem& p, int64_t left, int32_t* ties) {
  for (int64_t piece = 0; piece < p.pieces(); ++piece) {
    ties[piece] = static_cast<int32_t>(std::min<int64_t>(ties[piece], left));
    left -= ties[piece];
  }
}

template <class T>
void magnitude_threshold_ref(const MagnitudeMaskProblem& p, const MagnitudeThreshold<T>& a,
                             KernelContext& context) {
  std::vector<T> sizes;
  for (size_t tensor = 0; tensor < p.counts.size(); ++tensor) {
    for (int64_t i = 0; i < p.counts[tensor]; ++i) sizes.push_back(std::abs(a.weights[tensor][i]));
  }
  if (refuse_nan(p, a.weights, context)) return;
  T threshold = 0;
  if (p.pruned > 0) {
    std::vector<T> order = sizes;
    const auto kth = order.begin() + static_cast<std::ptrdiff_t>(p.pruned - 1);
    std::nth_element(order.begin(), kth, order.end());
    threshold = *kth;
  }
  a.threshold[0] = threshold;
  std::fill_n(a.ties, p.pieces(), 0);
  int64_t below = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    below += sizes[i] < threshold;
    a.ties[i / kTiePiece] += sizes[i] == threshold;
  }
  take_ties(p, p.pruned - below, a.ties);
}

template <class T>
void prune_piece(const MagnitudeMaskProblem& p, const PruneMask<T>& a, int64_t piece) {
  const T threshold = a.threshold[0];
  int32_t left = a.ties[piece];
  for_parts(p.counts, piece * kTiePiece, std::min((piece + 1) * kTiePiece, p.total()),
            [&](size_t tensor, int64_t first, int64_t last) {
              T* w = a.weights[tensor];
              for (int64_t i = first; i < last; ++i) {
                const T size = std::abs(w[i]);
                const bool pruned = size < threshold || (size == threshold && left-- > 0);
                a.masks[tensor][i] = !pruned;
                if (pruned) w[i] = 0;
              }
            });
}

template <class T>
void prune_mask_ref(const MagnitudeMaskProblem& p, const PruneMask<T>& a, KernelContext&) {
  for (int64_t piece = 0; piece < p.pieces(); ++piece) prune_piece(p, a, piece);
}

void prune_mask_pieces(const MagnitudeMaskProblem& p, const PruneMask<float>& a, KernelContext& context) {
  context.parallel(p.pieces(), [&](int64_t piece, int) { prune_piece(p, a, piece); });
}

uint32_t magnitude_bits(float weight) {
  uint32_t bits;
  std::memcpy(&bits, &weight, sizeof bits);
  return bits & 0x7fffffffu;
}
constexpr uint32_t kInfinityBits = 0x7f800000u;

// Digits from the most significant on: shift and count of bits.
struct Digit {
  int shift, bits;
};
constexpr Digit kDigits[] = {{20, 11}, {10, 10}, {0, 10}};
constexpr int64_t kBins = int64_t{1} << 11;
// Pieces are counted in so many groups at most, each with counts of its own.
constexpr int64_t kGroups = 16;

size_t magnitude_threshold_workspace(const MagnitudeMaskProblem&) {
  return kGroups * kBins * sizeof(int64_t);
}

// counts[b]: how many magnitudes with these higher digits have b as this digit.
void count_digit(const MagnitudeMaskProblem& p, const MagnitudeThreshold<float>& a, Digit digit,
                 uint32_t higher, KernelContext& context) {
  auto* counts = static_cast<int64_t*>(context.workspace);
  std::fill_n(counts, kGroups * kBins, 0);
  const uint32_t mask = (1u << digit.bits) - 1;
  for_ranges(
      context, p.total(), kTiePiece,
      [&](int64_t begin, int64_t end, int64_t group, int) {
        int64_t* own = counts + group * kBins;
        for_parts(p.counts, begin, end, [&](size_t tensor, int64_t first, int64_t last) {
          for (int64_t i = first; i < last; ++i) {
            const uint32_t digits = magnitude_bits(a.weights[tensor][i]) >> digit.shift;
            if (digits >> digit.bits == higher) ++own[digits & mask];
          }
        });
      },
      kGroups);
  for (int64_t group = 1; group < kGroups; ++group) {
    for (int64_t bin = 0; bin < kBins; ++bin) counts[bin] += counts[group * kBins + bin];
  }
}

void magnitude_threshold_radix(const MagnitudeMaskProblem& p, const MagnitudeThreshold<float>& a,
                               KernelContext& context) {
  const auto* counts = static_cast<const int64_t*>(context.workspace);
  uint32_t bits = 0;
  int64_t rank = p.pruned;  // among the magnitudes that begin with `bits`, from 1
  for (const Digit& digit : kDigits) {
    count_digit(p, a, digit, bits, context);
    if (digit.shift == kDigits[0].shift) {
      // Infinity shares its first digit with NaN.
      int64_t unordered = counts[kInfinityBits >> digit.shift];
      for (int64_t bin = (kInfinityBits >> digit.shift) + 1; bin < kBins; ++bin) unordered += counts[bin];
      if (unordered > 0 && refuse_nan(p, a.weights, context)) return;
    }
    if (p.pruned == 0) break;
    uint32_t bin = 0;
    while (counts[bin] < rank) rank -= counts[bin++];
    bits = bits << digit.bits | bin;
  }
  std::memcpy(a.threshold, &bits, sizeof bits);
  // What is left of the rank is the number of ties that go.
  context.parallel(p.pieces(), [&](int64_t piece, int) {
    int32_t equal = 0;
    for_parts(p.counts, piece * kTiePiece, std::min((piece + 1) * kTiePiece, p.total()),
              [&](size_t tensor, int64_t first, int64_t last) {
                for (int64_t i = first; i < last; ++i) equal += magnitude_bits(a.weights[tensor][i]) == bits;
              });
    a.ties[piece] = equal;
  });
  take_ties(p, rank, a.ties);
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(magnitude_threshold, MagnitudeThreshold, magnitude_threshold_ref,
                       implementation<MagnitudeThreshold<float>, &magnitude_threshold_radix, nullptr,
                                      &magnitude_threshold_workspace>("radix"))
LAPIDARY_DEFINE_KERNEL(prune_mask, PruneMask, prune_mask_ref,
                       implementation<PruneMask<float>, &prune_mask_pieces>("pieces"))
LAPIDARY_DEFINE_KERNEL(channel_scores, ChannelScores, channel_scores_ref,
                       implementation<ChannelScores<float>, &channel_scores_rows>("rows"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
