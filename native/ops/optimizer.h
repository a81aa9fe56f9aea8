// Multi-tensor optimiser kernels: one launch for all parameters. Operands are lists, flattened in order
// (all parameters, then all gradients, then all momenta).
#pragma once

#include "backend.h"

namespace lapidary {

struct SgdProblem {
  Counts counts;          ///< elements of each tensor
  int64_t rate_slot = 0;  ///< step-block scalar that holds the learning rate
  float momentum = 0, decay = 0;
  bool nesterov = false;
  void check() const {
    check_counts(counts);
    check_range("rate_slot", rate_slot, 0, StepBlock::kSlots - 1);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("counts", self.counts), visit("rate_slot", self.rate_slot), visit("momentum", self.momentum);
    visit("decay", self.decay), visit("nesterov", self.nesterov);
  }
};

/// g += decay * w;  v = momentum * v + g;  w -= rate * (nesterov ? g + momentum * v : v)   (torch.optim.SGD;
/// v starts at 0, which equals PyTorch's first step v = g). Without momentum there are no momenta operands.
template <class T>
struct Sgd {
  using Problem = SgdProblem;
  T* const* weights;
  const T* const* gradients;
  T* const* momenta;
  Sgd(const Problem& p, void* const* operands)
      : weights(reinterpret_cast<T* const*>(operands)),
        gradients(reinterpret_cast<const T* const*>(operands + p.counts.size())),
        momenta(p.momentum != 0 ? reinterpret_cast<T* const*>(operands + 2 * p.counts.size()) : nullptr) {}
  static Operands operands(const Problem& p) {
    Operands list;
    for (int64_t count : p.counts) list.push_back(inout("weight", count));
    for (int64_t count : p.counts) list.push_back(in("gradient", count));
    if (p.momentum != 0) {
      for (int64_t count : p.counts) list.push_back(inout("momentum", count));
    }
    return list;
  }
};

struct Norm2Problem {
  Counts counts;
  void check() const { check_counts(counts); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("counts", self.counts);
  }
};

/// norm[0] = sqrt(sum of squares over all tensors), partial sums of fixed chunks added in order.
template <class T>
struct Norm2 {
  using Problem = Norm2Problem;
  const T* const* x;
  T* norm;
  Norm2(const Problem& p, void* const* operands)
      : x(reinterpret_cast<const T* const*>(operands)), norm(static_cast<T*>(operands[p.counts.size()])) {}
  static Operands operands(const Problem& p) {
    Operands list;
    for (int64_t count : p.counts) list.push_back(in("x", count));
    list.push_back(out("norm", 1));
    return list;
  }
};

struct ClipNormProblem {
  Counts counts;
  float limit = 1;
  void check() const { check_counts(counts); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("counts", self.counts), visit("limit", self.limit);
  }
};

/// x *= min(1, limit / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_.
template <class T>
struct ClipNorm {
  using Problem = ClipNormProblem;
  T* const* x;
  const T* norm;
  ClipNorm(const Problem& p, void* const* operands)
      : x(reinterpret_cast<T* const*>(operands)), norm(static_cast<const T*>(operands[p.counts.size()])) {}
  static Operands operands(const Problem& p) {
    Operands list;
    for (int64_t count : p.counts) list.push_back(inout("x", count));
    list.push_back(in("norm", 1));
    return list;
  }
};

}  // namespace lapidary
