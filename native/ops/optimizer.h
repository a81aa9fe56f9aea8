// Multi-tensor optimiser kernels: one launch for all parameters. Operands are lists, flattened in order
// (all parameters, then all gradients, then all momenta, then all masks).
//
// With masks (u8, 1: kept, 0: pruned) a pruned weight and its momenta are set to exactly 0, whatever its
// gradient; a kept one moves as without a mask, to the bit.
#pragma once

#include "ops/tensor_lists.h"

namespace lapidary {

struct SgdProblem {
  Counts counts;          ///< elements of each tensor
  int64_t rate_slot = 0;  ///< step-block scalar that holds the learning rate
  float rate_factor = 1;  ///< this launch's rate relative to that of the slot
  float momentum = 0, decay = 0;
  bool nesterov = false, masked = false;
  void check() const {
    check_counts(counts);
    check_range("rate_slot", rate_slot, 0, StepBlock::kSlots - 1);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("counts", self.counts), visit("rate_slot", self.rate_slot), visit("momentum", self.momentum);
    visit("decay", self.decay), visit("nesterov", self.nesterov);
    visit("rate_factor", self.rate_factor), visit("masked", self.masked);
  }
};

/// g += decay * w;  v = momentum * v + g;  w -= rate * (nesterov ? g + momentum * v : v)   (torch.optim.SGD;
/// v starts at 0, which equals PyTorch's first step v = g). Without momentum there are no momenta operands.
/// rate is rate_factor times that of the slot.
template <class T>
struct Sgd {
  using Problem = SgdProblem;
  T* const* weights;
  const T* const* gradients;
  T* const* momenta;
  const uint8_t* const* masks;
  Sgd(const Problem& p, void* const* operands)
      : weights(take_list<T>(operands, p.counts)),
        gradients(take_list<const T>(operands, p.counts)),
        momenta(p.momentum != 0 ? take_list<T>(operands, p.counts) : nullptr),
        masks(p.masked ? take_list<const uint8_t>(operands, p.counts) : nullptr) {}
  static Operands operands(const Problem& p) {
    Operands list;
    add_list(list, "weight", p.counts, Role::InOut);
    add_list(list, "gradient", p.counts, Role::In);
    if (p.momentum != 0) add_list(list, "momentum", p.counts, Role::InOut);
    if (p.masked) add_list(list, "mask", p.counts, Role::In, DType::U8);
    return list;
  }
};

struct AdamProblem {
  Counts counts;
  int64_t rate_slot = 0;  ///< step-block scalar that holds the learning rate
  int64_t first_slot = 1,
          second_slot = 2;  ///< those of 1 / (1 - beta1^t) and 1 / sqrt(1 - beta2^t) of step t
  float rate_factor = 1;
  double beta1 = 0.9, beta2 = 0.999;  ///< in double: 1 - beta2 in f32 would be off by 5e-5 of itself
  float epsilon = 1e-8f, decay = 0;
  bool decoupled = false, masked = false;
  void check() const {
    check_counts(counts);
    for (int64_t slot : {rate_slot, first_slot, second_slot})
      check_range("a slot", slot, 0, StepBlock::kSlots - 1);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("counts", self.counts), visit("rate_slot", self.rate_slot), visit("first_slot", self.first_slot);
    visit("second_slot", self.second_slot), visit("rate_factor", self.rate_factor);
    visit("beta1", self.beta1), visit("beta2", self.beta2), visit("epsilon", self.epsilon);
    visit("decay", self.decay), visit("decoupled", self.decoupled), visit("masked", self.masked);
  }
};

/// Kingma and Ba, arXiv 1412.6980, in the order of torch.optim.Adam:
///   decoupled (AdamW, arXiv 1711.05101): w *= 1 - rate * decay;  else g += decay * w;
///   m += (1 - beta1) * (g - m);  v = beta2 * v + (1 - beta2) * g^2;
///   w -= rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
template <class T>
struct Adam {
  using Problem = AdamProblem;
  T* const* weights;
  const T* const* gradients;
  T* const* firsts;   ///< m
  T* const* seconds;  ///< v
  const uint8_t* const* masks;
  Adam(const Problem& p, void* const* operands)
      : weights(take_list<T>(operands, p.counts)),
        gradients(take_list<const T>(operands, p.counts)),
        firsts(take_list<T>(operands, p.counts)),
        seconds(take_list<T>(operands, p.counts)),
        masks(p.masked ? take_list<const uint8_t>(operands, p.counts) : nullptr) {}
  static Operands operands(const Problem& p) {
    Operands list;
    add_list(list, "weight", p.counts, Role::InOut);
    add_list(list, "gradient", p.counts, Role::In);
    add_list(list, "first", p.counts, Role::InOut);
    add_list(list, "second", p.counts, Role::InOut);
    if (p.masked) add_list(list, "mask", p.counts, Role::In, DType::U8);
    return list;
  }
};

struct LerpProblem {
  Counts counts;
  int64_t share_slot = 0;  ///< step-block scalar that holds the share of the new values
  void check() const {
    check_counts(counts);
    check_range("share_slot", share_slot, 0, StepBlock::kSlots - 1);
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("counts", self.counts), visit("share_slot", self.share_slot);
  }
};

/// average += share * (value - average): one step of exponential moving averages.
template <class T>
struct Lerp {
  using Problem = LerpProblem;
  T* const* averages;
  const T* const* values;
  Lerp(const Problem& p, void* const* operands)
      : averages(take_list<T>(operands, p.counts)), values(take_list<const T>(operands, p.counts)) {}
  static Operands operands(const Problem& p) {
    Operands list;
    add_list(list, "average", p.counts, Role::InOut);
    add_list(list, "value", p.counts, Role::In);
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
