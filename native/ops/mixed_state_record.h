// What a call of mixedState leaves for its backward, and what both directions make of it.
#pragma once

#include "ops/ops.h"

namespace lapidary::ops::mixed {

/// What batch normalisation goes by: the batch's statistics or running ones.
struct Norm {
  Tensor mean, variance;
  explicit operator bool() const { return static_cast<bool>(mean); }
};

/// Positions among the inputs of a normalisation's running statistics; 0: none.
struct Running {
  size_t mean = 0, variance = 0;
};

/// One active candidate of an edge, and what its part of forward leaves for backward.
struct Branch {
  CandidateKind kind;
  int64_t place;                 ///< of its weight
  std::vector<size_t> filters;   ///< positions among the inputs
  std::vector<Running> running;  ///< one a normalisation, when tracked
  Tensor y;       ///< what enters the sum, before its normalisation; not of pools and identities
  Norm norm;      ///< of y; empty where it is not normalised
  Tensor middle;  ///< of a separable convolution: the output of its first half
  Norm middle_norm;
};

struct EdgeState {
  int64_t stride;
  size_t weights, addend;  ///< positions among the inputs; addend 0: none
  std::vector<Branch> branches;
};

/// The pools of one stride, which all its edges share. Forward drops them: backward makes them again, at a
/// few per cent of its time, instead of keeping more than two tensors of x's size for every state.
struct SharedPools {
  Tensor max, max_tap, average;
  Norm max_norm, average_norm;
  explicit operator bool() const { return max || average; }
};

/// One call: its options, edges, and results.
struct State {
  bool training, update, pool_norm;
  float eps, momentum;
  int64_t n, h, w, c;
  std::vector<EdgeState> edges;
  Tensor one, zero;  ///< [C]: ReLU as a prologue of convolutions; only where there are any

  int64_t rows(int64_t stride) const { return n * ((h - 1) / stride + 1) * ((w - 1) / stride + 1); }
  Dims output(int64_t stride) const { return {n, (h - 1) / stride + 1, (w - 1) / stride + 1, c}; }
};

inline bool is_separable(CandidateKind kind) {
  return kind == CandidateKind::SepConv3x3 || kind == CandidateKind::SepConv5x5;
}
inline bool is_dilated(CandidateKind kind) {
  return kind == CandidateKind::DilConv3x3 || kind == CandidateKind::DilConv5x5;
}
inline bool is_dense(CandidateKind kind) {
  return kind == CandidateKind::NorConv1x1 || kind == CandidateKind::NorConv3x3;
}
inline bool is_pool(CandidateKind kind) {
  return kind == CandidateKind::MaxPool3x3 || kind == CandidateKind::AvgPool3x3;
}
/// Whether its (first) half is a branch of the separable kernels.
inline bool is_branch(CandidateKind kind, int64_t stride) {
  return is_separable(kind) || is_dilated(kind) || (kind == CandidateKind::SkipConnect && stride == 2);
}
inline int64_t taps_of(CandidateKind kind) {
  if (kind == CandidateKind::SepConv3x3 || kind == CandidateKind::DilConv3x3) return 3;
  return kind == CandidateKind::SkipConnect ? 1 : 5;
}

/// The operands of a kernel with lists: one list after the other. Keeps them alive until the launch.
class SlotLists {
 public:
  SlotLists& add(const Tensor& tensor) {
    slots_.emplace_back(tensor);
    tensors_.push_back(tensor);
    return *this;
  }
  template <class List, class Pick>
  SlotLists& add(const List& list, const Pick& pick) {
    for (const auto& each : list) add(pick(each));
    return *this;
  }
  const std::vector<Slot>& slots() const { return slots_; }

 private:
  std::vector<Slot> slots_;
  std::vector<Tensor> tensors_;
};

// ---- Problems that both directions build.

inline SeparableProblem separable_problem(const State& state, int64_t stride, bool second) {
  SeparableProblem problem;
  problem.n = state.n, problem.c = state.c;
  problem.h = second ? (state.h - 1) / stride + 1 : state.h;
  problem.w = second ? (state.w - 1) / stride + 1 : state.w;
  problem.stride = second ? 1 : stride, problem.normed = second;
  problem.eps = state.eps, problem.statistics = problem.training = state.training;
  return problem;
}
inline void add_branch(SeparableProblem& problem, CandidateKind kind) {
  problem.taps.push_back(taps_of(kind));
  problem.dilations.push_back(is_dilated(kind) ? 2 : 1);
}
inline Conv2dProblem dense_problem(const State& state, CandidateKind kind) {
  Conv2dProblem problem;
  problem.n = state.n, problem.h = state.h, problem.w = state.w, problem.c = problem.k = state.c;
  problem.r = problem.s = kind == CandidateKind::NorConv3x3 ? 3 : 1;
  problem.pad_h = problem.pad_w = problem.r / 2;
  problem.prologue = Prologue::AffineRelu;
  return problem;
}
inline MixedSumProblem sum_problem(const State& state, const EdgeState& edge, int64_t weights,
                                   std::vector<const Branch*>& terms) {
  MixedSumProblem problem{state.rows(edge.stride), state.c, weights, {}, {}, false, state.eps,
                          state.training};
  for (const Branch& branch : edge.branches) {
    if (branch.kind == CandidateKind::None) continue;
    terms.push_back(&branch);
    problem.places.push_back(branch.place);
    problem.normed.push_back(branch.norm ? 1 : 0);
  }
  return problem;
}
/// What enters the sum for a branch.
inline const Tensor& term_of(const Branch& branch, const Tensor& x, const SharedPools& pools) {
  if (branch.kind == CandidateKind::MaxPool3x3) return pools.max;
  if (branch.kind == CandidateKind::AvgPool3x3) return pools.average;
  return branch.y ? branch.y : x;
}
inline void add_norms(SlotLists& lists, const std::vector<const Branch*>& terms) {
  for (const Branch* branch : terms)
    if (branch->norm) lists.add(branch->norm.mean);
  for (const Branch* branch : terms)
    if (branch->norm) lists.add(branch->norm.variance);
}

/// The pools that edges of a stride have, with the statistics of their normalisations where wanted; empty
/// when none has.
SharedPools state_pools(const State& state, const Tensor& x, int64_t stride, bool statistics);

/// The gradients of all inputs, by position.
Outputs gradients(const State& state, std::span<const Tensor> saved, std::span<const Tensor> grads,
                  const NeedsMask& needs);

}  // namespace lapidary::ops::mixed
