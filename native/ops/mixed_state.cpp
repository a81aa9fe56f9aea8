// mixedState: all edges that leave one state of a DARTS cell as one recorded op. What edges share (the pools
// and their statistics) is computed once a stride; ReLU happens where x is read. Kept for backward: of each
// edge what its branches' normalisations normalise; depthwise outputs, normalised values and their gradients
// are never stored.
#include "ops/mixed_state_record.h"

namespace lapidary {

void SeparableProblem::check() const {
  check_extents({n, h, w, c, 3});
  check_extents({c, c, 25});
  check_range("stride", stride, 1, 2);
  check_range("the number of branches", branches(), 1, 64);
  check_range("the number of dilations", static_cast<int64_t>(dilations.size()), branches(), branches());
  for (size_t b = 0; b < taps.size(); ++b) {
    if (taps[b] != 1 && taps[b] != 3 && taps[b] != 5)
      fail(ErrorCode::Argument, "expected taps of 1, 3 or 5, got %lld", static_cast<long long>(taps[b]));
    check_range("a dilation", dilations[b], 1, 2);
    if (factorized(b) && (stride != 2 || dilations[b] != 1 || h % 2 || w % 2 || c % 2)) {
      fail(ErrorCode::Shape, "expected stride 2 and even H, W and C for a branch with taps of 1");
    }
  }
}

void StatePoolsProblem::check() const {
  check_extents({n, h, w, c});
  check_range("stride", stride, 1, 2);
  if (!max && !average) fail(ErrorCode::Argument, "expected max, average or both");
}

void StatePoolsBackwardProblem::check() const {
  check_extents({n, h, w, c, 3});
  check_range("stride", stride, 1, 2);
  check_range("edges", edges, 1, 65536);
  for (const Counts* list : {&max, &average, &identity}) {
    check_range("the edges with a term", static_cast<int64_t>(list->size()), 0, edges);
    for (int64_t edge : *list) check_range("an edge", edge, 0, edges - 1);
  }
  if (!identity.empty() && stride != 1) fail(ErrorCode::Argument, "expected stride 1 for identities");
}

void MixedSumProblem::check() const {
  check_extents({rows, channels, 3});
  check_range("weights", weights, 1, 65536);
  check_range("terms", terms(), 0, 64);
  check_range("the length of normed", static_cast<int64_t>(normed.size()), terms(), terms());
  for (int64_t place : places) check_range("a place", place, 0, weights - 1);
  for (int64_t each : normed) check_range("normed", each, 0, 1);
}

namespace ops {
namespace mixed {
namespace {

/// Shapes of a candidate's filters and the number of its normalisations (lib/ops/mixed-state.ts says the
/// same).
struct CandidateLayout {
  std::vector<Dims> filters;
  size_t norms;
};
CandidateLayout candidate_layout(CandidateKind kind, int64_t c, int64_t stride, bool pool_norm) {
  const Dims pointwise{c, 1, 1, c}, half{c / 2, 1, 1, c};
  if (is_pool(kind)) return {{}, pool_norm ? size_t{1} : 0};
  if (is_separable(kind) || is_dilated(kind)) {
    const Dims depthwise{c, taps_of(kind), taps_of(kind), 1};
    if (is_dilated(kind)) return {{depthwise, pointwise}, 1};
    return {{depthwise, pointwise, depthwise, pointwise}, 2};
  }
  if (kind == CandidateKind::NorConv1x1) return {{pointwise}, 1};
  if (kind == CandidateKind::NorConv3x3) return {{{c, 3, 3, c}}, 1};
  if (kind == CandidateKind::SkipConnect && stride == 2) return {{half, half}, 1};
  return {{}, 0};
}

/// Reads the packed edges: ints (stride, addend, active; for each active candidate place, kind, tracked)
/// beside tensors (weights, addend; for each active candidate its filters, and mean and variance of its
/// normalisations when tracked).
class EdgeReader {
 public:
  explicit EdgeReader(const OpCall& call)
      : call_(call), ints_(call.ints_from(4)), tensors_(call.inputs_from(1)) {}

  EdgeState edge(const State& state) {
    EdgeState edge;
    edge.stride = number("a stride", 1, 2);
    const bool addend = number("whether there is an addend", 0, 1) != 0;
    const int64_t active = number("the number of active candidates", 0, 64);
    edge.weights = tensor("weights");
    const Tensor& weights = call_.input(edge.weights);
    expect_rank(call_, "weights", weights, 1);
    edge.addend = addend ? tensor("addend") : 0;
    if (addend) expect_shape(call_, "addend", call_.input(edge.addend), state.output(edge.stride));
    for (int64_t each = 0; each < active; ++each)
      edge.branches.push_back(branch(state, edge, weights.size(0)));
    return edge;
  }
  void finish() const {
    if (int_ != ints_.size() || tensor_ != tensors_.size()) {
      fail(ErrorCode::Argument,
           "[%s] expected edges that take all %zu ints and %zu tensors, they take %zu and %zu",
           call_.row().name, ints_.size(), tensors_.size(), int_, tensor_);
    }
  }

 private:
  int64_t number(const char* name, int64_t low, int64_t high) {
    if (int_ == ints_.size())
      fail(ErrorCode::Argument, "[%s] expected %s, but the ints of edges end", call_.row().name, name);
    const int64_t value = ints_[int_++];
    if (value < low || value > high) {
      fail(ErrorCode::Argument, "[%s] expected %s in [%lld, %lld], got %lld", call_.row().name, name,
           static_cast<long long>(low), static_cast<long long>(high), static_cast<long long>(value));
    }
    return value;
  }
  size_t tensor(const char* name) {
    if (tensor_ == tensors_.size())
      fail(ErrorCode::Argument, "[%s] expected a tensor for %s, but the tensors of edges end",
           call_.row().name, name);
    expect_dtype(call_, name, tensors_[tensor_], DType::F32);
    return ++tensor_;  // x comes before them
  }
  Branch branch(const State& state, const EdgeState& edge, int64_t weights) {
    Branch branch;
    branch.place = number("the index of an active candidate", 0, weights - 1);
    for (const Branch& earlier : edge.branches) {
      if (earlier.place == branch.place)
        fail(ErrorCode::Argument, "[%s] expected different active candidates, got %lld twice",
             call_.row().name, static_cast<long long>(branch.place));
    }
    constexpr auto kLast = static_cast<int64_t>(CandidateKind::NorConv3x3);
    branch.kind = static_cast<CandidateKind>(number("a kind", 0, kLast));
    const bool tracked = number("whether it is tracked", 0, 1) != 0;
    if (branch.kind == CandidateKind::SkipConnect && edge.stride == 2 &&
        (state.h % 2 || state.w % 2 || state.c % 2)) {
      fail(ErrorCode::Shape,
           "[%s] expected even height, width and channels for skip_connect at stride 2 (FactorizedReduce), "
           "got %s",
           call_.row().name, describe(call_.input(0)).c_str());
    }
    if (is_dense(branch.kind) && edge.stride != 1)
      fail(ErrorCode::Argument, "[%s] expected stride 1 for nor_conv candidates, got 2", call_.row().name);
    const CandidateLayout layout = candidate_layout(branch.kind, state.c, edge.stride, state.pool_norm);
    for (const Dims& shape : layout.filters) {
      branch.filters.push_back(tensor("a filter"));
      expect_shape(call_, "a filter", call_.input(branch.filters.back()), shape);
    }
    if (!state.training && !tracked && layout.norms > 0) {
      fail(ErrorCode::Argument,
           "[%s] expected running statistics for every normalisation: they are the statistics of evaluation",
           call_.row().name);
    }
    for (size_t norm = 0; tracked && norm < layout.norms; ++norm) {
      const size_t mean = tensor("a running mean"), variance = tensor("a running variance");
      for (size_t each : {mean, variance}) {
        expect_shape(call_, "running statistics", call_.input(each), {state.c});
        if (state.update) expect_mutable(call_, "running statistics", call_.input(each));
      }
      branch.running.push_back({mean, variance});
    }
    return branch;
  }

  const OpCall& call_;
  std::span<const int32_t> ints_;
  std::span<const Tensor> tensors_;
  size_t int_ = 0, tensor_ = 0;
};

class Forward {
 public:
  Forward(const OpCall& call, State& state) : call_(call), state_(state), device_(call.input(0).device()) {}

  Tensor run(EdgeState& edge) {
    pools(edge);
    halves(edge, false);
    halves(edge, true);
    for (Branch& branch : edge.branches)
      if (is_dense(branch.kind)) dense(branch);
    Tensor y = sum(edge);
    if (state_.update) move_running(edge);
    return y;
  }

 private:
  const Tensor& x() const { return call_.input(0); }
  Tensor vector() const { return Tensor::empty(device_, {state_.c}); }

  /// The norm that a branch goes by: fresh vectors for the batch's statistics, or its running ones. Those may
  /// move before backward, so what is recorded keeps copies.
  Norm norm_of(const Branch& branch, size_t index) const {
    if (state_.training) return {vector(), vector()};
    const Running& running = branch.running[index];
    return {copy_of(call_.input(running.mean)), copy_of(call_.input(running.variance))};
  }

  /// The edge's pools go by the statistics of those that all edges share, or by running ones of its own.
  void pools(EdgeState& edge) {
    SharedPools& shared = shared_pools(edge.stride);
    if (!shared) shared = state_pools(state_, x(), edge.stride, state_.training && state_.pool_norm);
    for (Branch& branch : edge.branches) {
      if (!is_pool(branch.kind) || !state_.pool_norm) continue;
      if (!state_.training)
        branch.norm = norm_of(branch, 0);
      else
        branch.norm = branch.kind == CandidateKind::MaxPool3x3 ? shared.max_norm : shared.average_norm;
    }
  }
  SharedPools& shared_pools(int64_t stride) { return pools_[stride - 1]; }

  /// All branches that are separable convolutions, or the second halves of those with two.
  void halves(EdgeState& edge, bool second) {
    std::vector<Branch*> branches;
    SeparableProblem problem = separable_problem(state_, edge.stride, second);
    for (Branch& branch : edge.branches) {
      if (second ? !is_separable(branch.kind) : !is_branch(branch.kind, edge.stride)) continue;
      add_branch(problem, branch.kind);
      branches.push_back(&branch);
      const bool middle = !second && is_separable(branch.kind);
      (middle ? branch.middle : branch.y) = Tensor::empty(device_, state_.output(edge.stride));
      (middle ? branch.middle_norm : branch.norm) = norm_of(branch, second ? 1 : 0);
    }
    if (branches.empty()) return;
    const auto result = [&](const Branch* branch) -> const Norm& {
      return !second && is_separable(branch->kind) ? branch->middle_norm : branch->norm;
    };
    SlotLists lists;
    if (second) {
      lists.add(branches, [](const Branch* branch) { return branch->middle; });
      lists.add(branches, [](const Branch* branch) { return branch->middle_norm.mean; });
      lists.add(branches, [](const Branch* branch) { return branch->middle_norm.variance; });
    } else {
      lists.add(x());
    }
    const size_t first = second ? 2 : 0;
    lists.add(branches, [&](const Branch* branch) { return call_.input(branch->filters[first]); });
    lists.add(branches, [&](const Branch* branch) { return call_.input(branch->filters[first + 1]); });
    lists.add(branches, [&](const Branch* branch) {
      return !second && is_separable(branch->kind) ? branch->middle : branch->y;
    });
    if (problem.statistics) {
      lists.add(branches, [&](const Branch* branch) { return result(branch).mean; });
      lists.add(branches, [&](const Branch* branch) { return result(branch).variance; });
    }
    launch(KernelId::separable_fprop, device_, problem, lists.slots());
  }

  /// ReLU, a dense convolution and its statistics.
  void dense(Branch& branch) {
    if (!state_.one) {
      state_.one = constant(device_, {state_.c}, 1);
      state_.zero = constant(device_, {state_.c}, 0);
    }
    Conv2dProblem problem = dense_problem(state_, branch.kind);
    problem.statistics = state_.training;
    branch.y = Tensor::empty(device_, state_.output(1));
    branch.norm = norm_of(branch, 0);
    launch(KernelId::conv2d_fprop, device_, problem,
           {x(), call_.input(branch.filters[0]), state_.one, state_.zero, nullptr, nullptr, nullptr, branch.y,
            state_.training ? Slot(branch.norm.mean) : Slot(),
            state_.training ? Slot(branch.norm.variance) : Slot()});
  }

  Tensor sum(EdgeState& edge) {
    std::vector<const Branch*> terms;
    MixedSumProblem problem = sum_problem(state_, edge, call_.input(edge.weights).size(0), terms);
    problem.addend = edge.addend != 0;
    if (terms.empty() && !problem.addend) return constant(device_, state_.output(edge.stride), 0);
    Tensor y = Tensor::empty(device_, state_.output(edge.stride));
    SlotLists lists;
    lists.add(call_.input(edge.weights));
    lists.add(terms, [&](const Branch* branch) { return term_of(*branch, x(), shared_pools(edge.stride)); });
    add_norms(lists, terms);
    lists.add(problem.addend ? call_.input(edge.addend) : Tensor()).add(y);
    launch(KernelId::mixed_sum, device_, problem, lists.slots());
    return y;
  }

  void move_running(const EdgeState& edge) {
    std::vector<std::pair<Norm, Running>> norms;
    for (const Branch& branch : edge.branches) {
      if (branch.running.empty()) continue;
      if (branch.middle_norm) norms.emplace_back(branch.middle_norm, branch.running[0]);
      norms.emplace_back(branch.norm, branch.running.back());
    }
    if (norms.empty()) return;
    RunningStatisticsProblem problem{state_.rows(edge.stride), state_.c, static_cast<int64_t>(norms.size()),
                                     state_.momentum};
    std::vector<Slot> slots;
    slots.reserve(4 * norms.size());
    for (const auto& [norm, running] : norms) slots.emplace_back(norm.mean);
    for (const auto& [norm, running] : norms) slots.emplace_back(norm.variance);
    for (const auto& [norm, running] : norms) slots.push_back(changes(call_.input(running.mean)));
    for (const auto& [norm, running] : norms) slots.push_back(changes(call_.input(running.variance)));
    launch(KernelId::running_statistics, device_, problem, slots);
    for (const auto& [norm, running] : norms) {
      call_.input(running.mean).storage().bump_version(call_.row().name);
      call_.input(running.variance).storage().bump_version(call_.row().name);
    }
  }

  const OpCall& call_;
  State& state_;
  Device& device_;
  SharedPools pools_[2];  // by stride
};

}  // namespace

SharedPools state_pools(const State& state, const Tensor& x, int64_t stride, bool statistics) {
  StatePoolsProblem problem{state.n, state.h, state.w, state.c, stride, false, false, statistics};
  for (const EdgeState& edge : state.edges) {
    for (const Branch& branch : edge.branches) {
      if (edge.stride != stride) continue;
      problem.max |= branch.kind == CandidateKind::MaxPool3x3;
      problem.average |= branch.kind == CandidateKind::AvgPool3x3;
    }
  }
  SharedPools made;
  if (!problem.max && !problem.average) return made;
  Device& device = x.device();
  const auto make = [&](Tensor& y, Norm& norm) {
    y = Tensor::empty(device, state.output(stride));
    if (statistics) norm = {Tensor::empty(device, {state.c}), Tensor::empty(device, {state.c})};
  };
  if (problem.max) {
    make(made.max, made.max_norm);
    made.max_tap = Tensor::empty(device, state.output(stride), DType::U8);
  }
  if (problem.average) make(made.average, made.average_norm);
  launch(KernelId::state_pools, device, problem,
         {x, made.max, made.max_tap, made.max_norm.mean, made.max_norm.variance, made.average,
          made.average_norm.mean, made.average_norm.variance});
  return made;
}
}  // namespace mixed

Outputs mixed_state(OpCall& call) {
  const Tensor& x = call.input(0);
  expect_dtype(call, "x", x, DType::F32);
  expect_rank(call, "x (NHWC)", x, 4);
  using namespace mixed;
  const auto state = std::make_shared<State>();
  state->training = call.flag(0), state->update = call.flag(0) && call.flag(1),
  state->pool_norm = call.flag(2);
  state->eps = static_cast<float>(call.scalar_in(0, 0, 1e6));
  state->momentum = static_cast<float>(call.scalar_in(1, 0, 1));
  state->n = x.size(0), state->h = x.size(1), state->w = x.size(2), state->c = x.size(3);
  const int32_t edges = call.int_in(3, 1, 1024);
  EdgeReader reader(call);
  for (int32_t each = 0; each < edges; ++each) state->edges.push_back(reader.edge(*state));
  reader.finish();

  Forward forward(call, *state);
  Outputs outputs;
  for (EdgeState& edge : state->edges) outputs.push_back(forward.run(edge));

  // By position: x, weights and filters are saved; running statistics move, and addends are not needed.
  std::vector<Tensor> inputs{x}, saved{x};
  for (const Tensor& tensor : call.inputs_from(1)) inputs.push_back(tensor);
  saved.resize(inputs.size());
  for (const EdgeState& edge : state->edges) {
    saved[edge.weights] = inputs[edge.weights];
    for (const Branch& branch : edge.branches)
      for (size_t filter : branch.filters) saved[filter] = inputs[filter];
  }
  lapidary::record(call.record(), "mixedState", inputs, saved, outputs,
                   [state](std::span<const Tensor> saved, std::span<const Tensor> grads,
                           const NeedsMask& needs) { return gradients(*state, saved, grads, needs); });
  return outputs;
}

}  // namespace ops
}  // namespace lapidary
