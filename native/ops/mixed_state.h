// mixedState: one input state of a DARTS cell and the edges that leave it, in the pieces that kernels
// compute. Activations are [N, H, W, C] in and [N, P, Q, C] out, P = ceil(H / stride); rows = N P Q.
//
//   separable        y_b = pointwise_b(depthwise_b(act(x))), several branches b, with the statistics of y_b
//   state_pools      the 3x3 max and average pool of x, with their statistics
//   mixed_sum        y = addend + sum over terms of weight * norm(term)                     (an edge's
//   output) mixed_reduce     from the gradient g of that output: d weight, and each term's coefficients
//   state_pools_dgrad, separable_backward, branch_gradient: from g and the coefficients to x and the filters
//
// A normalisation is (mean, variance) of the tensor that it normalises: those of the batch, or running ones.
//
// *Coefficients* [3, C] (a, b, d) say how a normalised term's gradient follows from that of what it enters:
//   d term = a g + b term + d,  in training  a = w s,  b = -w s^2 sum(g xhat) / rows,
//   d = -w s sum(g) / rows - b mean,  with s = 1 / sqrt(variance + eps), xhat = (term - mean) s;
// in evaluation, and for terms that are not normalised (s = 1), b = d = 0. So neither that gradient nor xhat
// is stored.
#pragma once

#include "ops/tensor_lists.h"

namespace lapidary {

enum class CandidateKind : uint8_t {
  None,
  MaxPool3x3,
  AvgPool3x3,
  SkipConnect,
  SepConv3x3,
  SepConv5x5,
  DilConv3x3,
  DilConv5x5,
  NorConv1x1,
  NorConv3x3,
};
inline const char* const* enum_names(CandidateKind) {
  static constexpr const char* kNames[] = {"none",         "max_pool_3x3", "avg_pool_3x3", "skip_connect",
                                           "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
                                           "nor_conv_1x1", "nor_conv_3x3", nullptr};
  return kNames;
}

/// The extents of a state [N, H, W, C] and of what leaves it at a stride, [N, P, Q, C].
struct StateExtents {
  int64_t n = 1, h = 1, w = 1, c = 1, stride = 1;
  int64_t p() const noexcept { return (h - 1) / stride + 1; }
  int64_t q() const noexcept { return (w - 1) / stride + 1; }
  int64_t x_count() const noexcept { return n * h * w * c; }
  int64_t y_count() const noexcept { return n * p() * q() * c; }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("N", self.n), visit("H", self.h), visit("W", self.w), visit("C", self.c);
    visit("stride", self.stride);
  }
};

/// Branches of a state (`normed` false): one x, act = ReLU. Or second halves of separable convolutions
/// (`normed`): each branch has its own x and act = ReLU((x - mean) / sqrt(variance + eps)).
struct SeparableProblem : StateExtents {
  Counts taps;  ///< by branch: 3 or 5: depthwise taps x taps; 1: FactorizedReduce (stride 2, even h, w, c)
  Counts dilations;  ///< by branch; 1 or 2
  bool normed = false;
  float eps = 1e-5f;
  bool statistics = true;  ///< fprop: of y
  // Backward:
  bool training = true;     ///< x's statistics were those of its batch
  bool dx = true;           ///< the gradient of x is wanted
  bool dfilters = true;     ///< those of the filters are wanted
  bool accumulate = false;  ///< dx is added to (not `normed`)

  int64_t branches() const noexcept { return static_cast<int64_t>(taps.size()); }
  int64_t pad(size_t branch) const noexcept { return dilations[branch] * (taps[branch] / 2); }
  bool factorized(size_t branch) const noexcept { return taps[branch] == 1; }
  /// Of the two filters of a branch: depthwise [C, taps, taps, 1] and pointwise [C, 1, 1, C];
  /// FactorizedReduce has two halves [C / 2, 1, 1, C].
  int64_t first_count(size_t branch) const noexcept {
    return factorized(branch) ? c / 2 * c : c * taps[branch] * taps[branch];
  }
  int64_t second_count(size_t branch) const noexcept { return factorized(branch) ? c / 2 * c : c * c; }
  /// Of fprop.
  double flops() const noexcept {
    double sum = 0;
    for (size_t b = 0; b < taps.size(); ++b) {
      sum += 2.0 * static_cast<double>(y_count() * (factorized(b) ? c : c + taps[b] * taps[b]));
    }
    return sum;
  }
  void check() const;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    StateExtents::fields(self, visit);
    visit("taps", self.taps), visit("dilations", self.dilations);
    visit("normed", self.normed), visit("eps", self.eps), visit("statistics", self.statistics);
    visit("training", self.training), visit("dx", self.dx), visit("dfilters", self.dfilters);
    visit("accumulate", self.accumulate);
  }
};

template <class T>
struct SeparableFprop {
  using Problem = SeparableProblem;
  const T* const* x;         ///< one, or one a branch
  const T* const* mean;      ///< of x, when normed
  const T* const* variance;  ///< of x, when normed
  const T* const* first;     ///< filters
  const T* const* second;
  T* const* y;
  T* const* y_mean;  ///< with statistics
  T* const* y_variance;
  SeparableFprop(const Problem& p, void* const* operands) {
    const int64_t all = p.branches(), own = p.normed ? all : 0, out = p.statistics ? all : 0;
    x = take_list<const T>(operands, p.normed ? all : 1);
    mean = take_list<const T>(operands, own), variance = take_list<const T>(operands, own);
    first = take_list<const T>(operands, all), second = take_list<const T>(operands, all);
    y = take_list<T>(operands, all), y_mean = take_list<T>(operands, out),
    y_variance = take_list<T>(operands, out);
  }
  static Operands operands(const Problem& p) {
    const int64_t all = p.branches(), own = p.normed ? all : 0, out = p.statistics ? all : 0;
    Operands list;
    add_list(list, "x", p.normed ? all : 1, p.x_count(), Role::In);
    add_list(list, "mean", own, p.c, Role::In), add_list(list, "variance", own, p.c, Role::In);
    for (size_t b = 0; b < p.taps.size(); ++b) list.push_back(in("first", p.first_count(b)));
    for (size_t b = 0; b < p.taps.size(); ++b) list.push_back(in("second", p.second_count(b)));
    add_list(list, "y", all, p.y_count(), Role::Out);
    add_list(list, "y_mean", out, p.c, Role::Out), add_list(list, "y_variance", out, p.c, Role::Out);
    return list;
  }
};

/// With d y_b = a g_b + b y_b + d: the gradients of the filters, and dx, through act. Not normed: dx is the
/// sum over the branches. Normed: dx_b is with respect to the normalised x_b, and `dx_coefficients` take it
/// on to x_b.
template <class T>
struct SeparableBackward {
  using Problem = SeparableProblem;
  const T* const* x;
  const T* const* mean;
  const T* const* variance;
  const T* const* first;
  const T* const* second;
  const T* const* g;
  const T* const* y;
  const T* const* coefficients;
  T* const* dx;
  T* const* dx_coefficients;  ///< when normed
  T* const* dfirst;
  T* const* dsecond;
  SeparableBackward(const Problem& p, void* const* operands) {
    const int64_t all = p.branches(), own = p.normed ? all : 0, inputs = p.normed ? all : 1;
    const int64_t filters = p.dfilters ? all : 0;
    x = take_list<const T>(operands, inputs);
    mean = take_list<const T>(operands, own), variance = take_list<const T>(operands, own);
    first = take_list<const T>(operands, all), second = take_list<const T>(operands, all);
    g = take_list<const T>(operands, all), y = take_list<const T>(operands, all);
    coefficients = take_list<const T>(operands, all);
    dx = take_list<T>(operands, p.dx ? inputs : 0), dx_coefficients = take_list<T>(operands, p.dx ? own : 0);
    dfirst = take_list<T>(operands, filters), dsecond = take_list<T>(operands, filters);
  }
  /// Gradients of the inputs and of the filters, each as many as fprop; nothing for what is recomputed.
  static double flops(const Problem& p) noexcept { return (p.dx + p.dfilters) * p.flops(); }
  static Operands operands(const Problem& p) {
    const int64_t all = p.branches(), own = p.normed ? all : 0, inputs = p.normed ? all : 1;
    Operands list;
    add_list(list, "x", inputs, p.x_count(), Role::In);
    add_list(list, "mean", own, p.c, Role::In), add_list(list, "variance", own, p.c, Role::In);
    for (size_t b = 0; b < p.taps.size(); ++b) list.push_back(in("first", p.first_count(b)));
    for (size_t b = 0; b < p.taps.size(); ++b) list.push_back(in("second", p.second_count(b)));
    add_list(list, "g", all, p.y_count(), Role::In), add_list(list, "y", all, p.y_count(), Role::In);
    add_list(list, "coefficients", all, 3 * p.c, Role::In);
    add_list(list, "dx", p.dx ? inputs : 0, p.x_count(), p.accumulate && !p.normed ? Role::InOut : Role::Out);
    add_list(list, "dx_coefficients", p.dx ? own : 0, 3 * p.c, Role::Out);
    for (size_t b = 0; p.dfilters && b < p.taps.size(); ++b) list.push_back(out("dfirst", p.first_count(b)));
    for (size_t b = 0; p.dfilters && b < p.taps.size(); ++b)
      list.push_back(out("dsecond", p.second_count(b)));
    return list;
  }
};

struct StatePoolsProblem : StateExtents {
  bool max = true, average = true;
  bool statistics = true;
  void check() const;
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    StateExtents::fields(self, visit);
    visit("max", self.max), visit("average", self.average);
    visit("statistics", self.statistics);
  }
};

/// 3x3, padding 1, which counts neither as a maximum nor in an average. `max_tap` is the place of the maximum
/// in its window, 3 row + column, the first of equal ones.
template <class T>
struct StatePools {
  using Problem = StatePoolsProblem;
  const T* x;
  T* max;
  uint8_t* max_tap;
  T* max_mean;
  T* max_variance;
  T* average;
  T* average_mean;
  T* average_variance;
  static Operands operands(const Problem& p) {
    const int64_t max = p.max ? p.y_count() : 0, average = p.average ? p.y_count() : 0;
    const int64_t max_c = p.max && p.statistics ? p.c : 0, average_c = p.average && p.statistics ? p.c : 0;
    return {in("x", p.x_count()),           out("max", max),
            out("max_tap", max, DType::U8), out("max_mean", max_c),
            out("max_variance", max_c),     out("average", average),
            out("average_mean", average_c), out("average_variance", average_c)};
  }
};

struct StatePoolsBackwardProblem : StateExtents {
  int64_t edges = 1;
  Counts max, average, identity;  ///< which edges have the term
  bool accumulate = false;        ///< dx is added to
  void check() const;
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    StateExtents::fields(self, visit);
    visit("edges", self.edges), visit("max", self.max);
    visit("average", self.average), visit("identity", self.identity), visit("accumulate", self.accumulate);
  }
};

/// dx from the gradients g_e of all edges: d max = sum over its edges of a_e g_e + b_e max + d_e, likewise
/// the average and (stride 1) the identity, whose b and d are 0.
template <class T>
struct StatePoolsDgrad {
  using Problem = StatePoolsBackwardProblem;
  const T* const* g;
  const T* const* max_coefficients;
  const T* const* average_coefficients;
  const T* const* identity_coefficients;
  const T* max;
  const uint8_t* max_tap;
  const T* average;
  T* dx;
  StatePoolsDgrad(const Problem& p, void* const* operands) {
    const auto size = [](const Counts& list) { return static_cast<int64_t>(list.size()); };
    g = take_list<const T>(operands, p.edges), max_coefficients = take_list<const T>(operands, size(p.max));
    average_coefficients = take_list<const T>(operands, size(p.average));
    identity_coefficients = take_list<const T>(operands, size(p.identity));
    max = static_cast<const T*>(operands[0]), max_tap = static_cast<const uint8_t*>(operands[1]);
    average = static_cast<const T*>(operands[2]), dx = static_cast<T*>(operands[3]);
  }
  static Operands operands(const Problem& p) {
    const auto size = [](const Counts& list) { return static_cast<int64_t>(list.size()); };
    Operands list;
    add_list(list, "g", p.edges, p.y_count(), Role::In);
    add_list(list, "max_coefficients", size(p.max), 3 * p.c, Role::In);
    add_list(list, "average_coefficients", size(p.average), 3 * p.c, Role::In);
    add_list(list, "identity_coefficients", size(p.identity), 3 * p.c, Role::In);
    list.push_back(in("max", p.max.empty() ? 0 : p.y_count()));
    list.push_back(in("max_tap", p.max.empty() ? 0 : p.y_count(), DType::U8));
    list.push_back(in("average", p.average.empty() ? 0 : p.y_count()));
    list.push_back({"dx", DType::F32, p.x_count(), p.accumulate ? Role::InOut : Role::Out});
    return list;
  }
};

struct MixedSumProblem {
  int64_t rows = 1, channels = 1, weights = 1;
  Counts places;  ///< by term: which weight is its own
  Counts normed;  ///< by term: 1 if it is normalised
  bool addend = false;
  float eps = 1e-5f;
  bool training = true;  ///< backward: the statistics were those of the batch
  int64_t terms() const noexcept { return static_cast<int64_t>(places.size()); }
  int64_t norms() const noexcept {
    int64_t sum = 0;
    for (int64_t each : normed) sum += each;
    return sum;
  }
  void check() const;
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("channels", self.channels), visit("weights", self.weights);
    visit("places", self.places), visit("normed", self.normed), visit("addend", self.addend);
    visit("eps", self.eps), visit("training", self.training);
  }
};

template <class T>
struct MixedSum {
  using Problem = MixedSumProblem;
  const T* weights;
  const T* const* terms;
  const T* const* mean;  ///< of the normalised terms
  const T* const* variance;
  const T* addend;
  T* y;
  MixedSum(const Problem& p, void* const* operands) {
    weights = static_cast<const T*>(*operands++);
    terms = take_list<const T>(operands, p.terms());
    mean = take_list<const T>(operands, p.norms()), variance = take_list<const T>(operands, p.norms());
    addend = static_cast<const T*>(operands[0]), y = static_cast<T*>(operands[1]);
  }
  static Operands operands(const Problem& p) {
    const int64_t all = p.rows * p.channels;
    Operands list{in("weights", p.weights)};
    add_list(list, "term", p.terms(), all, Role::In);
    add_list(list, "mean", p.norms(), p.channels, Role::In),
        add_list(list, "variance", p.norms(), p.channels, Role::In);
    list.push_back(in("addend", p.addend ? all : 0)), list.push_back(out("y", all));
    return list;
  }
};

/// Sums over the rows of g and g xhat, turned into d weight (0 where a weight has no term) and coefficients.
template <class T>
struct MixedReduce {
  using Problem = MixedSumProblem;
  const T* weights;
  const T* g;
  const T* const* terms;
  const T* const* mean;
  const T* const* variance;
  T* dweights;
  T* const* coefficients;  ///< by term
  MixedReduce(const Problem& p, void* const* operands) {
    weights = static_cast<const T*>(*operands++), g = static_cast<const T*>(*operands++);
    terms = take_list<const T>(operands, p.terms());
    mean = take_list<const T>(operands, p.norms()), variance = take_list<const T>(operands, p.norms());
    dweights = static_cast<T*>(*operands++), coefficients = take_list<T>(operands, p.terms());
  }
  static Operands operands(const Problem& p) {
    const int64_t all = p.rows * p.channels;
    Operands list{in("weights", p.weights), in("g", all)};
    add_list(list, "term", p.terms(), all, Role::In);
    add_list(list, "mean", p.norms(), p.channels, Role::In),
        add_list(list, "variance", p.norms(), p.channels, Role::In);
    list.push_back(out("dweights", p.weights)),
        add_list(list, "coefficients", p.terms(), 3 * p.channels, Role::Out);
    return list;
  }
};

struct BranchGradientProblem {
  int64_t rows = 1, channels = 1;
  void check() const { check_extents({rows, 3 * channels}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("channels", self.channels);
  }
};

/// dy = a g + b y + d.
template <class T>
struct BranchGradient {
  using Problem = BranchGradientProblem;
  const T* g;
  const T* y;
  const T* coefficients;
  T* dy;
  static Operands operands(const Problem& p) {
    const int64_t all = p.rows * p.channels;
    return {in("g", all), in("y", all), in("coefficients", 3 * p.channels), out("dy", all)};
  }
};

struct RunningStatisticsProblem {
  int64_t rows = 1, channels = 1, norms = 1;
  float momentum = 0.1f;
  void check() const {
    check_extents({rows, channels});
    check_range("norms", norms, 1, 65536);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("channels", self.channels), visit("norms", self.norms);
    visit("momentum", self.momentum);
  }
};

/// running = (1 - momentum) running + momentum batch for several normalisations; the running variance takes
/// the unbiased estimate, as in BatchNormFold.
template <class T>
struct RunningStatistics {
  using Problem = RunningStatisticsProblem;
  const T* const* mean;
  const T* const* variance;
  T* const* running_mean;
  T* const* running_variance;
  RunningStatistics(const Problem& p, void* const* operands) {
    mean = take_list<const T>(operands, p.norms), variance = take_list<const T>(operands, p.norms);
    running_mean = take_list<T>(operands, p.norms), running_variance = take_list<T>(operands, p.norms);
  }
  static Operands operands(const Problem& p) {
    Operands list;
    add_list(list, "mean", p.norms, p.channels, Role::In),
        add_list(list, "variance", p.norms, p.channels, Role::In);
    add_list(list, "running_mean", p.norms, p.channels, Role::InOut);
    add_list(list, "running_variance", p.norms, p.channels, Role::InOut);
    return list;
  }
};

}  // namespace lapidary
