#include "autograd/tape.h"

#include <atomic>
#include <map>
#include <unordered_map>
#include <utility>

#include "ops/ops.h"

namespace lapidary {

const Tensor& SavedTensor::unpack(const char* op) const {
  if (!tensor_) return tensor_;
  const Storage& storage = tensor_.storage();
  if (storage.version() != version_) {
    fail(ErrorCode::Stale,
         "[%s] backward needs a tensor %s that %s has changed since; clone it before changing it, or "
         "change it after backward",
         op, describe(tensor_).c_str(), storage.mutated_by());
  }
  return tensor_;
}

// A long chain of nodes would be destroyed recursively: hand the links over one by one instead.
Node::~Node() {
  std::vector<std::shared_ptr<Node>> chain;
  const auto take = [&](Node& node) {
    for (Edge& edge : node.inputs) {
      if (edge.node) chain.push_back(std::move(edge.node));
    }
    node.inputs.clear();
  };
  take(*this);
  while (!chain.empty()) {
    std::shared_ptr<Node> last = std::move(chain.back());
    chain.pop_back();
    if (last.use_count() == 1) take(*last);
  }
}

void record(bool on, const char* op, std::span<const Tensor> inputs, std::span<const Tensor> saved,
            std::span<Tensor> outputs, Backward backward, Rectified rectified) {
  if (!on) return;
  bool any = false;
  for (const Tensor& input : inputs) any |= input && input.needs_grad();
  if (!any) return;
  static std::atomic<uint64_t> next_sequence{1};
  auto node = std::make_shared<Node>();
  node->op = op;
  node->sequence = next_sequence++;
  for (const Tensor& input : inputs) {
    Edge edge;
    if (input && input.impl()->node) {
      edge.node = input.impl()->node;
      edge.output_index = input.impl()->output_index;
    } else if (input && input.impl()->requires_grad) {
      edge.leaf = input.impl();
    }
    node->inputs.push_back(std::move(edge));
  }
  for (const Tensor& tensor : saved) node->saved.push_back(tensor ? SavedTensor(tensor) : SavedTensor());
  node->backward = std::move(backward);
  node->outputs = static_cast<int>(outputs.size());
  node->rectified = rectified;
  for (size_t index = 0; index < outputs.size(); ++index) {
    outputs[index].impl()->node = node;
    outputs[index].impl()->output_index = static_cast<int>(index);
  }
}

namespace {

/// One walk backwards from y.
class Walk {
 public:
  Walk(const Tensor& y, const Tensor& seed, bool retain) : y_(y), retain_(retain) {
    if (!y.impl()->node && !y.impl()->requires_grad) {
      fail(ErrorCode::Argument,
           "expected a tensor that depends on one with requiresGrad, got %s that depends on none; was "
           "it made under noGrad, or detached?",
           describe(y).c_str());
    }
    if (!seed && y.count() != 1) {
      fail(ErrorCode::Shape,
           "expected a seed for a tensor of %lld elements, got none; backward without a seed starts from "
           "one element",
           static_cast<long long>(y.count()));
    }
    if (seed && (!(seed.shape() == y.shape()) || seed.dtype() != DType::F32 || seed.pending())) {
      fail(ErrorCode::Shape, "expected a seed like %s, got %s", describe(y).c_str(), describe(seed).c_str());
    }
    seed_ = seed ? seed.detached() : ops::constant(y.device(), y.shape(), 1.0f);
  }

  /// Requested intermediate outputs and leaves; null `leaf_wanted` means: every leaf.
  std::function<bool(const TensorImpl*)> leaf_wanted = [](const TensorImpl*) { return true; };
  std::map<std::pair<const Node*, int>, Tensor> captured;  ///< keys present before the walk are filled by it
  std::vector<std::pair<std::shared_ptr<TensorImpl>, Tensor>> leaves;

  void run() {
    const auto& impl = *y_.impl();
    if (!impl.node) {
      arrive_at_leaf(y_.impl(), seed_);
      return;
    }
    count_consumers(*impl.node);
    deliver(impl.node, impl.output_index, seed_);
    while (!pending_.empty()) {
      auto entry = std::move(pending_.extract(std::prev(pending_.end())).mapped());
      visit(entry);
    }
  }

 private:
  struct Arrived {
    std::shared_ptr<Node> node;
    std::vector<Tensor> grads;
    bool masked = false;  ///< by the node's ReLU
  };

  /// Whether gradients at this node's inputs can reach something that was asked for.
  bool useful(const Node* root) {
    if (const auto known = useful_.find(root); known != useful_.end()) return known->second;
    // Iterative depth-first search: tapes are deeper than the call stack may be.
    std::vector<const Node*> stack{root};
    while (!stack.empty()) {
      const Node* node = stack.back();
      if (useful_.count(node)) {
        stack.pop_back();
        continue;
      }
      bool result = false, waiting = false;
      for (const Edge& edge : node->inputs) {
        if (edge.leaf) result |= leaf_wanted(edge.leaf.get());
        if (!edge.node || result) continue;
        if (captured.count({edge.node.get(), edge.output_index})) {
          result = true;
        } else if (const auto known = useful_.find(edge.node.get()); known != useful_.end()) {
          result |= known->second;
        } else {
          stack.push_back(edge.node.get());
          waiting = true;
        }
      }
      if (result || !waiting) {
        useful_[node] = result;
      }
    }
    return useful_[root];
  }

  /// For every node below `root`, the edges that lead to it.
  void count_consumers(const Node& root) {
    std::vector<const Node*> stack{&root};
    while (!stack.empty()) {
      const Node* const node = stack.back();
      stack.pop_back();
      for (const Edge& edge : node->inputs)
        if (edge.node && ++consumers_[edge.node.get()] == 1) stack.push_back(edge.node.get());
    }
  }

  bool edge_wanted(const Edge& edge) {
    if (edge.leaf) return leaf_wanted(edge.leaf.get());
    if (!edge.node) return false;
    return captured.count({edge.node.get(), edge.output_index}) || useful(edge.node.get());
  }

  static void add(Tensor& sum, const Tensor& gradient) {
    sum = sum ? ops::add_gradients(sum, gradient) : gradient;
  }

  void arrive_at_leaf(const std::shared_ptr<TensorImpl>& leaf, const Tensor& gradient) {
    for (auto& [known, sum] : leaves) {
      if (known == leaf) return add(sum, gradient);
    }
    leaves.emplace_back(leaf, gradient);
  }

  void deliver(const std::shared_ptr<Node>& node, int output_index, const Tensor& gradient) {
    Arrived& arrived = pending_[node->sequence];
    arrived.node = node;
    arrived.grads.resize(static_cast<size_t>(node->outputs));
    add(arrived.grads[static_cast<size_t>(output_index)], gradient);
  }

  /// What awaits the gradient that this edge will bring.
  Reception reception(const Edge& edge) {
    Reception reception;
    if (!edge.node || edge.node->outputs != 1) return reception;
    const Node& node = *edge.node;
    if (const auto found = pending_.find(node.sequence); found != pending_.end())
      reception.addend = found->second.grads[0];
    // A gradient that was asked for is that of the masked value. After a backward that freed it, nothing is
    // saved.
    const bool last = consumers_[&node] == 1;
    if (last && node.rectified.by != Rectifier::None && node.backward && !captured.count({&node, 0})) {
      reception.rectified = node.saved[node.rectified.saved].unpack(node.op);
      reception.rectifier = node.rectified.by;
    }
    return reception;
  }

  /// Takes a gradient where it leads to, with what its op has done to it already.
  void send(const Edge& edge, const Reception& reception, const Tensor& gradient) {
    if (edge.leaf) return arrive_at_leaf(edge.leaf, gradient);
    if (!reception.done) return deliver(edge.node, edge.output_index, gradient);
    Arrived& arrived = pending_[edge.node->sequence];
    arrived.node = edge.node;
    arrived.grads.assign(1, gradient);
    arrived.masked = static_cast<bool>(reception.rectified);
  }

  void visit(Arrived& arrived) {
    Node& node = *arrived.node;
    std::vector<Tensor>& grads = arrived.grads;
    for (int index = 0; index < node.outputs; ++index) {
      const auto found = captured.find({&node, index});
      if (found != captured.end() && grads[static_cast<size_t>(index)])
        found->second = grads[static_cast<size_t>(index)];
    }
    std::vector<Reception> receptions(node.inputs.size());
    std::vector<Reception*> needed(node.inputs.size(), nullptr);
    bool any = false;
    for (size_t index = 0; index < node.inputs.size(); ++index) {
      const Edge& edge = node.inputs[index];
      if (!edge_wanted(edge)) continue;
      if (index == 0) receptions[index] = reception(edge);  // the first gradient that is sent
      needed[index] = &receptions[index];
      any = true;
    }
    for (const Edge& edge : node.inputs)
      if (edge.node) --consumers_[edge.node.get()];
    if (!any) return;
    if (!node.backward) {
      fail(ErrorCode::Argument,
           "[%s] the graph has been freed by an earlier backward; pass retain: true there to walk it "
           "twice",
           node.op);
    }
    std::vector<Tensor> saved;
    for (const SavedTensor& tensor : node.saved) saved.push_back(tensor.unpack(node.op));
    const auto [output, by] = node.rectified;
    if (by != Rectifier::None && !arrived.masked)
      grads[0] = ops::rectified_gradient(by, saved[output], grads[0]);
    const std::vector<Tensor> gradients = call_backward(node, saved, grads, NeedsMask(needed));
    for (size_t index = 0; index < node.inputs.size(); ++index)
      if (needed[index] && gradients[index]) send(node.inputs[index], receptions[index], gradients[index]);
    if (!retain_) node.saved.clear();
  }

  /// A backward function in JavaScript may walk the tape itself, even this node, or throw: the function is
  /// taken out while it runs, and put back when the node is to be walked again.
  std::vector<Tensor> call_backward(Node& node, std::span<const Tensor> saved, std::span<const Tensor> grads,
                                    const NeedsMask& needs) {
    Backward backward = retain_ ? node.backward : std::exchange(node.backward, nullptr);
    try {
      return backward(saved, grads, needs);
    } catch (...) {
      node.backward = std::move(backward);
      throw;
    }
  }

  const Tensor& y_;
  Tensor seed_;
  bool retain_;
  std::map<uint64_t, Arrived> pending_;  // by sequence: the latest recorded node goes first
  std::unordered_map<const Node*, bool> useful_;
  std::unordered_map<const Node*, int> consumers_;  ///< edges whose gradient may still come
};

}  // namespace

std::vector<Tensor> gradients(const Tensor& y, std::span<const Tensor> xs, const Tensor& seed, bool retain) {
  Walk walk(y, seed, retain);
  walk.leaf_wanted = [&](const TensorImpl* leaf) {
    for (const Tensor& x : xs) {
      if (x.impl().get() == leaf) return true;
    }
    return false;
  };
  for (const Tensor& x : xs) {
    if (x.impl()->node) walk.captured[{x.impl()->node.get(), x.impl()->output_index}];
  }
  walk.run();
  std::vector<Tensor> result;
  for (const Tensor& x : xs) {
    Tensor gradient;
    if (x.impl()->node) gradient = walk.captured[{x.impl()->node.get(), x.impl()->output_index}];
    for (const auto& [leaf, sum] : walk.leaves) {
      if (leaf == x.impl()) gradient = sum;
    }
    result.push_back(gradient);
  }
  return result;
}

void accumulate_gradients(const Tensor& y, const Tensor& seed, bool retain) {
  Walk walk(y, seed, retain);
  walk.run();
  for (auto& [leaf, sum] : walk.leaves) {
    if (leaf->grad) {
      const Tensor grad(leaf->grad);
      sum = ops::add_gradients(grad, sum);
      // A replay adds to the gradient that was there before the capture, so it must stay in its place.
      const Capture* const recording = call_context().recording;
      if (recording && grad.storage().pool() != recording->pool().get()) {
        ops::overwrite(grad, sum);
        continue;
      }
    }
    // A gradient may be shared (both sides of a sum get the same tensor), but .grad may be changed in place.
    else if (sum.impl().use_count() > 1 || sum.impl()->storage.use_count() > 1)
      sum = ops::copy_of(sum);
    leaf->grad = sum.impl();
  }
}

}  // namespace lapidary
