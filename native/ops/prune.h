// Channel scores: the importance of each output channel of a KRSC filter (or each row of a linear weight).
#pragma once

#include "backend.h"

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

}  // namespace lapidary
