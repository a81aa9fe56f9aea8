// What pruning asks of weights: the importance of each output channel of a KRSC filter (or each row of a
// linear weight), and masks that leave out the smallest weights of many tensors.
#pragma once

#include "ops/tensor_lists.h"

namespace lapidary {

enum class ScoreKind : uint8_t { L1, L2 };
inline const char* const* enum_names(ScoreKind) {
  static constexpr const char* kNames[] = {"l1", "l2", nullptr};
  return kNames;
}

struct ChannelScoresProblem {
  int64_t channels = 1, weights = 1;  ///< weights: per channel (R * S * C)
  ScoreKind kind = ScoreKind::L1;
  void check() const { check_extents({channels, weights}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("channels", self.channels), visit("weights", self.weights), visit("kind", self.kind);
  }
};

/// score[k] = sum |w| (l1) or sqrt(sum w^2) (l2) over filter k.
template <class T>
struct ChannelScores {
  using Problem = ChannelScoresProblem;
  const T* filter;
  T* score;
  static Operands operands(const Problem& p) {
    return {in("filter", p.channels * p.weights), out("score", p.channels)};
  }
};

/// Elements of the joined tensors whose ties are counted together.
inline constexpr int64_t kTiePiece = 16384;

struct MagnitudeMaskProblem {
  Counts counts;
  int64_t pruned = 0;  ///< how many of all weights together go: those of the smallest magnitudes
  int64_t total() const {
    int64_t sum = 0;
    for (int64_t count : counts) sum += count;
    return sum;
  }
  int64_t pieces() const { return (total() + kTiePiece - 1) / kTiePiece; }
  void check() const {
    check_counts(counts);
    check_range("pruned", pruned, 0, total());
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("counts", self.counts), visit("pruned", self.pruned);
  }
};

/// threshold[0]: the `pruned`-th smallest magnitude of all weights (0 when none is pruned). Of weights of
/// just that magnitude the first in the order of tensors and elements are pruned: ties[i] of those in piece i
/// of the joined tensors. Faults on NaN, which has no place in the order.
template <class T>
struct MagnitudeThreshold {
  using Problem = MagnitudeMaskProblem;
  const T* const* weights;
  T* threshold;
  int32_t* ties;
  MagnitudeThreshold(const Problem& p, void* const* operands)
      : weights(take_list<const T>(operands, p.counts)),
        threshold(static_cast<T*>(operands[0])),
        ties(static_cast<int32_t*>(operands[1])) {}
  static Operands operands(const Problem& p) {
    Operands list;
    add_list(list, "weight", p.counts, Role::In);
    list.push_back(out("threshold", 1));
    list.push_back(out("ties", p.pieces(), DType::I32));
    return list;
  }
};

/// Makes the masks (1: kept, 0: pruned) and sets pruned weights to 0.
template <class T>
struct PruneMask {
  using Problem = MagnitudeMaskProblem;
  T* const* weights;
  const T* threshold;
  const int32_t* ties;
  uint8_t* const* masks;
  PruneMask(const Problem& p, void* const* operands)
      : weights(take_list<T>(operands, p.counts)),
        threshold(static_cast<const T*>(operands[0])),
        ties(static_cast<const int32_t*>(operands[1])),
        masks(reinterpret_cast<uint8_t* const*>(operands + 2)) {}
  static Operands operands(const Problem& p) {
    Operands list;
    add_list(list, "weight", p.counts, Role::InOut);
    list.push_back(in("threshold", 1));
    list.push_back(in("ties", p.pieces(), DType::I32));
    add_list(list, "mask", p.counts, Role::Out, DType::U8);
    return list;
  }
};

}  // namespace lapidary
