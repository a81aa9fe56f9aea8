// Softmax and log-softmax over the last axis, and cross-entropy with label smoothing on logits.
#pragma once

#include "backend.h"

namespace lapidary {

struct SoftmaxProblem {
  int64_t rows = 1, classes = 1;
  bool logarithm = false;
  void check() const { check_extents({rows, classes}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("classes", self.classes), visit("log", self.logarithm);
  }
};

template <class T>
struct SoftmaxForward {
  using Problem = SoftmaxProblem;
  const T* x;
  T* y;
  static Operands operands(const Problem& p) {
    return {in("x", p.rows * p.classes), out("y", p.rows * p.classes)};
  }
};

/// softmax: dx = y * (dy - sum(dy * y));  log-softmax: dx = dy - exp(y) * sum(dy).
template <class T>
struct SoftmaxBackward {
  using Problem = SoftmaxProblem;
  const T* y;
  const T* dy;
  T* dx;
  static Operands operands(const Problem& p) {
    const int64_t all = p.rows * p.classes;
    return {in("y", all), in("dy", all), out("dx", all)};
  }
};

struct CrossEntropyProblem {
  int64_t rows = 1, classes = 1;
  float smoothing = 0;  ///< target = (1 - smoothing) * one_hot + smoothing / classes
  bool mean = true;     ///< false: one loss a row
  void check() const { check_extents({rows, classes}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("rows", self.rows), visit("classes", self.classes), visit("smoothing", self.smoothing),
        visit("mean", self.mean);
  }
};

/// What is said of a label that is no class.
std::string label_fault(int64_t classes, int32_t label, int64_t row);

/// loss[1] (mean) or loss[rows]; log_sum_exp[rows] is saved for backward. A label outside 0..classes-1 faults
/// with ERR_INDEX.
template <class T>
struct CrossEntropyForward {
  using Problem = CrossEntropyProblem;
  const T* logits;
  const int32_t* labels;
  T* loss;
  T* log_sum_exp;
  static Operands operands(const Problem& p) {
    return {in("logits", p.rows * p.classes), in("labels", p.rows, DType::I32),
            out("loss", p.mean ? 1 : p.rows), out("log_sum_exp", p.rows)};
  }
};

/// dlogits = (softmax(logits) - target) * dloss (/ rows when mean).
template <class T>
struct CrossEntropyBackward {
  using Problem = CrossEntropyProblem;
  const T* logits;
  const int32_t* labels;
  const T* log_sum_exp;
  const T* dloss;
  T* dlogits;
  static Operands operands(const Problem& p) {
    return {in("logits", p.rows * p.classes), in("labels", p.rows, DType::I32), in("log_sum_exp", p.rows),
            in("dloss", p.mean ? 1 : p.rows), out("dlogits", p.rows * p.classes)};
  }
};

}  // namespace lapidary
