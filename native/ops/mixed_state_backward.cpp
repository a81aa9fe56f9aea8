// The backward of mixedState. First each edge's gradient is reduced to coefficients of its terms; second
// halves of separable convolutions follow, then first halves, which add to dx; pools and identities of all
// edges come last, once a stride. What the needs-mask does not ask for is not launched.
#include "ops/mixed_state_record.h"

namespace lapidary::ops::mixed {
namespace {

class BackwardPass {
 public:
  BackwardPass(const State& state, std::span<const Tensor> saved, std::span<const Tensor> grads,
               const NeedsMask& needs)
      : state_(state),
        saved_(saved),
        grads_(grads),
        needs_(needs),
        device_(saved[0].device()),
        result_(needs.size()) {}

  Outputs run() {
    coefficients_.resize(state_.edges.size());
    for (size_t e = 0; e < state_.edges.size(); ++e) {
      if (!grads_[e]) continue;
      const EdgeState& edge = state_.edges[e];
      if (edge.addend && needs_[edge.addend]) result_[edge.addend] = grads_[e];
      this->edge(edge, grads_[e], coefficients_[e]);
    }
    for (int64_t stride : {1, 2}) pools(stride);
    if (needs_[0] && !dx_) dx_ = constant(device_, saved_[0].shape(), 0);
    result_[0] = dx_;
    return std::move(result_);
  }

 private:
  using ByBranch = std::vector<Tensor>;  ///< coefficients of an edge's branches

  bool needs_filters(const Branch& branch) const {
    for (size_t filter : branch.filters)
      if (needs_[filter]) return true;
    return false;
  }

  void edge(const EdgeState& edge, const Tensor& g, ByBranch& coefficients) {
    coefficients.resize(edge.branches.size());
    bool wanted = needs_[0] || needs_[edge.weights];
    for (const Branch& branch : edge.branches) wanted |= needs_filters(branch);
    std::vector<const Branch*> terms;
    const Tensor& weights = saved_[edge.weights];
    const MixedSumProblem problem = sum_problem(state_, edge, weights.size(0), terms);
    if (!wanted) return;
    if (terms.empty()) {
      if (needs_[edge.weights]) result_[edge.weights] = constant(device_, weights.shape(), 0);
      return;
    }
    const Tensor dweights = weights.empty_like();
    SlotLists lists;
    lists.add(weights).add(g).add(
        terms, [&](const Branch* branch) { return term_of(*branch, saved_[0], shared_pools(edge.stride)); });
    add_norms(lists, terms);
    lists.add(dweights);
    for (const Branch* branch : terms) {
      Tensor& of = coefficients[static_cast<size_t>(branch - edge.branches.data())];
      of = Tensor::empty(device_, {3, state_.c});
      lists.add(of);
    }
    launch(KernelId::mixed_reduce, device_, problem, lists.slots());
    if (needs_[edge.weights]) result_[edge.weights] = dweights;

    // Of each branch's first half: the gradient that its coefficients go with.
    ByBranch gradients(edge.branches.size(), g), first_coefficients = coefficients;
    halves(edge, true, gradients, first_coefficients);
    halves(edge, false, gradients, first_coefficients);
    for (size_t b = 0; b < edge.branches.size(); ++b) {
      const Branch& branch = edge.branches[b];
      if (is_dense(branch.kind) && (needs_[0] || needs_filters(branch))) dense(branch, g, coefficients[b]);
    }
  }

  /// Second halves replace their branches' gradients and coefficients by those of the first halves.
  void halves(const EdgeState& edge, bool second, ByBranch& gradients, ByBranch& coefficients) {
    SeparableProblem problem = separable_problem(state_, edge.stride, second);
    problem.dx = needs_[0], problem.dfilters = false;
    std::vector<size_t> picked;
    const size_t first = second ? 2 : 0;
    for (size_t b = 0; b < edge.branches.size(); ++b) {
      const Branch& branch = edge.branches[b];
      if (second ? !is_separable(branch.kind) : !is_branch(branch.kind, edge.stride)) continue;
      const bool filters = needs_[branch.filters[first]] || needs_[branch.filters[first + 1]];
      const bool earlier = second && (needs_[branch.filters[0]] || needs_[branch.filters[1]]);
      if (!needs_[0] && !filters && !earlier) continue;
      problem.dfilters |= filters, problem.dx |= earlier;
      add_branch(problem, branch.kind);
      picked.push_back(b);
    }
    if (picked.empty()) return;
    problem.accumulate = !second && dx_;
    if (problem.dx && !second && !dx_) dx_ = Tensor::empty(device_, saved_[0].shape());

    const auto branch = [&](size_t b) -> const Branch& { return edge.branches[b]; };
    SlotLists lists;
    if (second) {
      lists.add(picked, [&](size_t b) { return branch(b).middle; });
      lists.add(picked, [&](size_t b) { return branch(b).middle_norm.mean; });
      lists.add(picked, [&](size_t b) { return branch(b).middle_norm.variance; });
    } else {
      lists.add(saved_[0]);
    }
    lists.add(picked, [&](size_t b) { return saved_[branch(b).filters[first]]; });
    lists.add(picked, [&](size_t b) { return saved_[branch(b).filters[first + 1]]; });
    lists.add(picked, [&](size_t b) { return gradients[b]; });
    lists.add(picked, [&](size_t b) {
      return !second && is_separable(branch(b).kind) ? branch(b).middle : branch(b).y;
    });
    lists.add(picked, [&](size_t b) { return coefficients[b]; });
    if (problem.dx && second) {
      for (size_t b : picked) {
        gradients[b] = branch(b).middle.empty_like();
        coefficients[b] = Tensor::empty(device_, {3, state_.c});
      }
      lists.add(picked, [&](size_t b) { return gradients[b]; }).add(picked, [&](size_t b) {
        return coefficients[b];
      });
    } else if (problem.dx) {
      lists.add(dx_);
    }
    for (size_t filter = first; problem.dfilters && filter < first + 2; ++filter) {
      for (size_t b : picked) {
        const Tensor gradient = saved_[branch(b).filters[filter]].empty_like();
        if (needs_[branch(b).filters[filter]]) result_[branch(b).filters[filter]] = gradient;
        lists.add(gradient);
      }
    }
    launch(KernelId::separable_backward, device_, problem, lists.slots());
  }

  void dense(const Branch& branch, const Tensor& g, const Tensor& coefficients) {
    const Tensor &x = saved_[0], &filter = saved_[branch.filters[0]];
    const Conv2dProblem problem = dense_problem(state_, branch.kind);
    const Tensor dy = branch.y.empty_like();
    launch(KernelId::branch_gradient, device_, BranchGradientProblem{state_.rows(1), state_.c},
           {g, branch.y, coefficients, dy});
    if (needs_[branch.filters[0]])
      result_[branch.filters[0]] =
          conv2d_filter_gradient(problem, x, state_.one, state_.zero, dy, filter.shape());
    if (!needs_[0]) return;
    Reception relu{{}, x, Rectifier::Relu};
    const Tensor masked = conv2d_input_gradient(problem, dy, filter, x.shape(), relu);
    dx_ = dx_ ? add_gradients(dx_, masked) : masked;
  }

  /// The pools and identities of all edges of a stride, into dx.
  void pools(int64_t stride) {
    if (!needs_[0]) return;
    StatePoolsBackwardProblem problem;
    problem.n = state_.n, problem.h = state_.h, problem.w = state_.w, problem.c = state_.c,
    problem.stride = stride;
    std::vector<Tensor> g, max, average, identity;
    for (size_t e = 0; e < state_.edges.size(); ++e) {
      const EdgeState& edge = state_.edges[e];
      if (!grads_[e] || edge.stride != stride) continue;
      const auto index = static_cast<int64_t>(g.size());
      bool any = false;
      for (size_t b = 0; b < edge.branches.size(); ++b) {
        const CandidateKind kind = edge.branches[b].kind;
        const bool skips = kind == CandidateKind::SkipConnect && stride == 1;
        if (!skips && !is_pool(kind)) continue;
        any = true;
        const bool is_max = kind == CandidateKind::MaxPool3x3;
        (skips ? identity : is_max ? max : average).push_back(coefficients_[e][b]);
        (skips ? problem.identity : is_max ? problem.max : problem.average).push_back(index);
      }
      if (any) g.push_back(grads_[e]);
    }
    if (g.empty()) return;
    problem.edges = static_cast<int64_t>(g.size()), problem.accumulate = static_cast<bool>(dx_);
    if (!dx_) dx_ = Tensor::empty(device_, saved_[0].shape());
    const SharedPools& shared = shared_pools(stride);
    const auto itself = [](const Tensor& tensor) { return tensor; };
    SlotLists lists;
    lists.add(g, itself).add(max, itself).add(average, itself).add(identity, itself);
    lists.add(shared.max).add(shared.max_tap).add(shared.average).add(dx_);
    launch(KernelId::state_pools_dgrad, device_, problem, lists.slots());
  }

  const SharedPools& shared_pools(int64_t stride) {
    SharedPools& shared = pools_[stride - 1];
    if (!shared) shared = state_pools(state_, saved_[0], stride, false);
    return shared;
  }

  const State& state_;
  std::span<const Tensor> saved_, grads_;
  const NeedsMask& needs_;
  Device& device_;
  Outputs result_;
  std::vector<ByBranch> coefficients_;
  Tensor dx_;
  SharedPools pools_[2];  // by stride
};

}  // namespace

Outputs gradients(const State& state, std::span<const Tensor> saved, std::span<const Tensor> grads,
                  const NeedsMask& needs) {
  return BackwardPass(state, saved, grads, needs).run();
}

}  // namespace lapidary::ops::mixed
