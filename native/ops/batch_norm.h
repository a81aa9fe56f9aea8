// Batch normalisation in the pieces that fuse with their neighbours. A channel-last tensor is [rows,
// channels].
//
//   statistics:  mean, variance (biased) of x                          (or from conv2d_fprop's epilogue)
//   fold:        scale = gamma * invstd, shift = beta - mean * scale;  running statistics updated
//   normalize:   y = act(a * a_scale + a_shift [+ b  or  b * b_scale + b_shift])
//   reduce:      sums over rows of dz' and dz' * xhat, where dz' = dz masked by ReLU      (dbeta and dgamma)
//   dgrad:       dx = scale * (dz' - sum_dz / rows - xhat * sum_dz_xhat / rows)   training;   dx = scale *
//   dz'   evaluation
#pragma once

#include "backend.h"

namespace lapidary {

struct RowsProblem {
  int64_t rows = 1, channels = 1;
  void check() const { check_extents({rows, channels}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("channels", self.channels);
  }
};

template <class T>
struct BatchNormStatistics {
  using Problem = RowsProblem;
  const T* x;
  T* mean;
  T* variance;  ///< biased: M2 / rows
  static Operands operands(const Problem& p) {
    return {in("x", p.rows * p.channels), out("mean", p.channels), out("variance", p.channels)};
  }
};

struct BatchNormFoldProblem {
  int64_t rows = 1, channels = 1;  ///< rows: samples per channel, for the unbiased running variance
  bool affine = true, update = false;
  float eps = 1e-5f, momentum = 0.1f;
  void check() const { check_extents({rows, channels}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("channels", self.channels), visit("affine", self.affine),
        visit("update", self.update);
    visit("eps", self.eps), visit("momentum", self.momentum);
  }
};

/// invstd = 1 / sqrt(variance + eps). With `update`: running = (1 - momentum) * running + momentum * batch,
/// where the running variance takes the unbiased estimate (rows / (rows - 1); rows = 1 keeps the biased one).
template <class T>
struct BatchNormFold {
  using Problem = BatchNormFoldProblem;
  const T* mean;
  const T* variance;
  const T* gamma;
  const T* beta;
  T* running_mean;
  T* running_variance;
  T* scale;
  T* shift;
  T* invstd;
  static Operands operands(const Problem& p) {
    const int64_t affine = p.affine ? p.channels : 0, running = p.update ? p.channels : 0;
    return {in("mean", p.channels),   in("variance", p.channels),     in("gamma", affine),
            in("beta", affine),       inout("running_mean", running), inout("running_variance", running),
            out("scale", p.channels), out("shift", p.channels),       out("invstd", p.channels)};
  }
};

enum class Addend : uint8_t { None, Plain, Affine };
inline const char* const* enum_names(Addend) {
  static constexpr const char* kNames[] = {"none", "plain", "affine", nullptr};
  return kNames;
}

struct NormalizeProblem {
  int64_t rows = 1, channels = 1;
  bool affine = true;   ///< false: a enters as it is (a plain residual sum)
  bool a_relu = false;  ///< ReLU on a's affine value before the sum
  Addend addend = Addend::None;
  bool b_relu = false;  ///< ReLU on b's affine value before the sum
  bool relu = false;    ///< ReLU on the result
  void check() const { check_extents({rows, channels}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("channels", self.channels), visit("affine", self.affine),
        visit("a_relu", self.a_relu);
    visit("addend", self.addend), visit("b_relu", self.b_relu), visit("relu", self.relu);
  }
};

template <class T>
struct Normalize {
  using Problem = NormalizeProblem;
  const T* a;
  const T* a_scale;
  const T* a_shift;
  const T* b;
  const T* b_scale;
  const T* b_shift;
  T* y;
  static Operands operands(const Problem& p) {
    const int64_t all = p.rows * p.channels, a = p.affine ? p.channels : 0;
    const int64_t b = p.addend == Addend::Affine ? p.channels : 0;
    return {in("a", all),     in("a_scale", a), in("a_shift", a), in("b", p.addend == Addend::None ? 0 : all),
            in("b_scale", b), in("b_shift", b), out("y", all)};
  }
};

/// Where the ReLU behind a normalisation lets its gradient through: dz' = dz there, else 0.
enum class ReluMask : uint8_t {
  None,   ///< there was no ReLU
  Input,  ///< x * scale + shift > 0
};
inline const char* const* enum_names(ReluMask) {
  static constexpr const char* kNames[] = {"none", "input", nullptr};
  return kNames;
}

struct BatchNormBackwardProblem {
  int64_t rows = 1, channels = 1;
  ReluMask mask = ReluMask::None;
  bool training = true;  ///< false: statistics were constants
  void check() const { check_extents({rows, channels}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("channels", self.channels), visit("mask", self.mask),
        visit("training", self.training);
  }
};

/// xhat = (x - mean) * invstd.
template <class T>
struct BatchNormReduce {
  using Problem = BatchNormBackwardProblem;
  const T* dz;
  const T* x;
  const T* scale;
  const T* shift;
  const T* mean;
  const T* invstd;
  T* sum_dz;
  T* sum_dz_xhat;
  static Operands operands(const Problem& p) {
    const int64_t all = p.rows * p.channels, c = p.channels, affine = p.mask == ReluMask::Input ? c : 0;
    return {in("dz", all), in("x", all),    in("scale", affine), in("shift", affine),
            in("mean", c), in("invstd", c), out("sum_dz", c),    out("sum_dz_xhat", c)};
  }
};

template <class T>
struct BatchNormDgrad {
  using Problem = BatchNormBackwardProblem;
  const T* dz;
  const T* x;
  const T* scale;
  const T* shift;
  const T* mean;
  const T* invstd;
  const T* sum_dz;
  const T* sum_dz_xhat;
  T* dx;
  static Operands operands(const Problem& p) {
    const int64_t all = p.rows * p.channels, c = p.channels, training = p.training ? c : 0;
    const bool by_input = p.mask == ReluMask::Input;
    return {in("dz", all),          in("x", p.training || by_input ? all : 0),
            in("scale", c),         in("shift", by_input ? c : 0),
            in("mean", training),   in("invstd", training),
            in("sum_dz", training), in("sum_dz_xhat", training),
            out("dx", all)};
  }
};

}  // namespace lapidary
