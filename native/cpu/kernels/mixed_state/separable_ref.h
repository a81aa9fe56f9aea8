// What the definitions of both directions of separable convolutions share: the pixel between the depthwise
// and the pointwise filter, a value at a time, in double.
#pragma once

#include <vector>

#include "cpu/kernels/kernel.h"
#include "ops/mixed_state.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// Branch b of a problem on input x.
template <class T>
class InnerPixel {
 public:
  InnerPixel(const SeparableProblem& p, size_t b, const T* first, const T* second, const T* x, const T* mean,
             const T* variance)
      : p_(p),
        taps_(p.taps[b]),
        dilation_(p.dilations[b]),
        pad_(p.pad(b)),
        factorized_(p.factorized(b)),
        first_(first),
        second_(second),
        x_(x),
        mean_(mean),
        variance_(variance) {}

  /// How many values lie between the two filters.
  int64_t count() const { return factorized_ ? 2 * p_.c : p_.c; }

  /// act(x) of channel c at pixel `at` of all images.
  double activation(int64_t at, int64_t c) const {
    const double x = x_[at * p_.c + c];
    const double value = mean_ ? (x - mean_[c]) / std::sqrt(static_cast<double>(variance_[c]) + p_.eps) : x;
    return value < 0 ? 0 : value;
  }

  /// For each (input pixel, weight, index) that makes up inner value i of output pixel `at`: body(pixel,
  /// channel, weight, index of the weight in `first`, or -1).
  template <class Body>
  void for_inputs(int64_t at, int64_t i, const Body& body) const {
    const int64_t n = at / (p_.p() * p_.q()), row = at / p_.q() % p_.p(), column = at % p_.q();
    if (factorized_) {
      const int64_t shift = i / p_.c;
      body((n * p_.h + 2 * row + shift) * p_.w + 2 * column + shift, i % p_.c, 1.0, int64_t{-1});
      return;
    }
    for (int64_t r = 0; r < taps_; ++r) {
      for (int64_t s = 0; s < taps_; ++s) {
        const int64_t h = row * p_.stride - pad_ + r * dilation_,
                      w = column * p_.stride - pad_ + s * dilation_;
        if (h < 0 || h >= p_.h || w < 0 || w >= p_.w) continue;
        const int64_t tap = (i * taps_ + r) * taps_ + s;
        body((n * p_.h + h) * p_.w + w, i, static_cast<double>(first_[tap]), tap);
      }
    }
  }

  void values(int64_t at, double* to) const {
    for (int64_t i = 0; i < count(); ++i) {
      to[i] = 0;
      for_inputs(at, i, [&](int64_t pixel, int64_t c, double weight, int64_t) {
        to[i] += weight * activation(pixel, c);
      });
    }
  }

  /// The weight from inner value i to output channel k, and its place: in `first` (half 0) or `second` (half
  /// 1).
  double pointwise(int64_t k, int64_t i) const {
    const int64_t at = place(k, i);
    return at < 0 ? 0 : static_cast<double>(from_first(k) ? first_[at] : second_[at]);
  }
  bool from_first(int64_t k) const { return factorized_ && k < p_.c / 2; }
  /// -1: there is none.
  int64_t place(int64_t k, int64_t i) const {
    if (!factorized_) return k * p_.c + i;
    const bool lower = k < p_.c / 2;
    if (lower != (i < p_.c)) return -1;
    return lower ? k * p_.c + i : (k - p_.c / 2) * p_.c + i - p_.c;
  }

 private:
  const SeparableProblem& p_;
  int64_t taps_, dilation_, pad_;
  bool factorized_;
  const T *first_, *second_, *x_, *mean_, *variance_;
};

}  // namespace lapidary::cpu::LAPIDARY_ISA
