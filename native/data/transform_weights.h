// What picture transforms weigh pixels with: resampling windows, Gaussian kernels, inverse affine matrices.
// All are computed in double and rounded once, so implementations share them; the fixtures check them against
// torchvision.
//
// Every instruction set and CUDA's device code compile this with flags of their own: what is here is private
// to the file that includes it.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/host_device.h"
#include "data/transforms.h"

namespace lapidary::data {
namespace {

/// One axis of a resampling from `in` to `out` pixels, whose centres lie at (i + 0.5) in / out: output i is
/// the sum over j < count[i] of weights[i * taps + j] times input first[i] + j.
template <class T>
struct Resampling {
  int64_t out, taps;
  int32_t *first, *count;
  T* weights;
};

/// Half the width of a filter on an axis that shrinks by `scale`; antialiasing widens it by that.
LAPIDARY_HOST_DEVICE inline double filter_support(Interpolation kind, double scale) {
  return (kind == Interpolation::Bicubic ? 2.0 : 1.0) * std::max(scale, 1.0);
}

/// The most weights of an output; grows with `in`.
LAPIDARY_HOST_DEVICE inline int64_t resampling_taps(int64_t in, int64_t out, Interpolation kind,
                                                    bool antialias) {
  const int64_t widest =
      antialias ? static_cast<int64_t>(std::ceil(
                      2 * filter_support(kind, static_cast<double>(in) / static_cast<double>(out)))) +
                      1
                : (kind == Interpolation::Bicubic ? 4 : 2);
  return std::min(in, widest);
}

/// The piecewise cubic of Keys (1981): a = -0.5 with antialiasing as in Pillow, -0.75 without as in OpenCV.
LAPIDARY_HOST_DEVICE inline double keys_cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// Fills in output i of `axis`, whose arrays have place for `axis.out` outputs of `axis.taps` weights.
template <class T>
LAPIDARY_HOST_DEVICE inline void make_window(const Resampling<T>& axis, int64_t i, int64_t in,
                                             Interpolation kind, bool antialias) {
  const double scale = static_cast<double>(in) / static_cast<double>(axis.out);
  T* weights = axis.weights + i * axis.taps;
  const double centre = scale * (static_cast<double>(i) + 0.5);
  if (antialias) {
    const double support = filter_support(kind, scale), squeeze = 1 / std::max(scale, 1.0);
    const auto first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
    const auto last = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5), in);
    const auto weight = [&](int64_t j) {
      const double x = (static_cast<double>(j) - centre + 0.5) * squeeze;
      return kind == Interpolation::Bicubic ? keys_cubic(x, -0.5) : std::max(1 - std::abs(x), 0.0);
    };
    double total = 0;
    for (int64_t j = first; j < last; ++j) total += weight(j);
    for (int64_t j = first; j < last; ++j) weights[j - first] = static_cast<T>(weight(j) / total);
    axis.first[i] = static_cast<int32_t>(first), axis.count[i] = static_cast<int32_t>(last - first);
    return;
  }
  // Neighbours beyond the edge are the edge, so their weights add up there.
  const bool cubic = kind == Interpolation::Bicubic;
  const double place = cubic ? centre - 0.5 : std::max(centre - 0.5, 0.0), floor = std::floor(place);
  const auto left = static_cast<int64_t>(floor);
  const int64_t from = cubic ? left - 1 : left, to = cubic ? left + 2 : left + 1;
  const int64_t first = std::clamp<int64_t>(from, 0, in - 1), last = std::clamp<int64_t>(to, 0, in - 1);
  double sums[4] = {};
  for (int64_t j = from; j <= to; ++j) {
    const double x = place - static_cast<double>(j);
    sums[std::clamp<int64_t>(j, 0, in - 1) - first] += cubic ? keys_cubic(x, -0.75) : 1 - std::abs(x);
  }
  for (int64_t j = first; j <= last; ++j) weights[j - first] = static_cast<T>(sums[j - first]);
  axis.first[i] = static_cast<int32_t>(first), axis.count[i] = static_cast<int32_t>(last - first + 1);
}

/// Fills `axis`.
template <class T>
void make_resampling(const Resampling<T>& axis, int64_t in, Interpolation kind, bool antialias) {
  for (int64_t i = 0; i < axis.out; ++i) make_window(axis, i, in, kind, antialias);
}

/// exp(-(j - (size - 1) / 2)^2 / (2 sigma^2)).
LAPIDARY_HOST_DEVICE inline double gaussian(int64_t j, int64_t size, double sigma) {
  const double x = (static_cast<double>(j) - static_cast<double>(size - 1) / 2) / sigma;
  return std::exp(-0.5 * x * x);
}

/// weights[j] proportional to gaussian(j), with sum 1.
template <class T>
void make_gaussian(T* weights, int64_t size, double sigma) {
  const auto density = [&](int64_t j) { return gaussian(j, size, sigma); };
  double total = 0;
  for (int64_t j = 0; j < size; ++j) total += density(j);
  for (int64_t j = 0; j < size; ++j) weights[j] = static_cast<T>(density(j) / total);
}

/// Position -1 .. size mirrored at the centre of the border pixels.
LAPIDARY_HOST_DEVICE inline int64_t reflect(int64_t i, int64_t size) {
  return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

/// Where an output pixel comes from: the inverse of rotation, scale, shear and translation about the centre.
/// With c = cos, s = sin, t = tan of the angle r and the shears x and y:
/// R S H = scale [c(r - y) / c(y), -c(r - y) t(x) / c(y) - s(r); s(r - y) / c(y), -s(r - y) t(x) / c(y) +
/// c(r)].
struct InverseAffine {
  double xx, xy, x0, yx, yy, y0;

  LAPIDARY_HOST_DEVICE InverseAffine(const Parameters& p, int64_t h, int64_t w) {
    constexpr double kRadians = 3.14159265358979323846 / 180;
    const double turn = p[1] * kRadians, shear_x = p[5] * kRadians, shear_y = p[6] * kRadians;
    const double a = std::cos(turn - shear_y) / std::cos(shear_y);
    const double b = -std::cos(turn - shear_y) * std::tan(shear_x) / std::cos(shear_y) - std::sin(turn);
    const double c = std::sin(turn - shear_y) / std::cos(shear_y);
    const double d = -std::sin(turn - shear_y) * std::tan(shear_x) / std::cos(shear_y) + std::cos(turn);
    xx = d / p[4], xy = -b / p[4], yx = -c / p[4], yy = a / p[4];
    const double middle_x = static_cast<double>(w) / 2 - 0.5, middle_y = static_cast<double>(h) / 2 - 0.5;
    x0 = middle_x - xx * (middle_x + p[2]) - xy * (middle_y + p[3]);
    y0 = middle_y - yx * (middle_x + p[2]) - yy * (middle_y + p[3]);
  }
  LAPIDARY_HOST_DEVICE double x(int64_t row, int64_t column) const {
    return xx * static_cast<double>(column) + xy * static_cast<double>(row) + x0;
  }
  LAPIDARY_HOST_DEVICE double y(int64_t row, int64_t column) const {
    return yx * static_cast<double>(column) + yy * static_cast<double>(row) + y0;
  }
};

}  // namespace
}  // namespace lapidary::data
