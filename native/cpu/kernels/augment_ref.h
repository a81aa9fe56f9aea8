// A chain of picture transforms by definition: a pixel at a time, rows of interleaved channels. See
// augment_views.cpp for the implementation that trains.
#pragma once

#include <vector>

#include "cpu/kernels/kernel.h"
#include "data/transform_weights.h"

namespace lapidary::cpu::LAPIDARY_ISA {

using data::Interpolation;
using data::InverseAffine;
using data::make_gaussian;
using data::make_resampling;
using data::reflect;
using data::Resampling;
using data::resampling_taps;

template <class T>
class ReferencePicture {
 public:
  ReferencePicture(int64_t h, int64_t w, int64_t c)
      : h_(h), w_(w), c_(c), values_(static_cast<size_t>(h * w * c)) {}

  T& at(int64_t row, int64_t column, int64_t channel) {
    return values_[static_cast<size_t>((row * w_ + column) * c_ + channel)];
  }
  const std::vector<T>& values() const { return values_; }

  void apply(const data::Step& step, const data::Parameters& p) {
    using Kind = data::TransformKind;
    switch (step.kind) {
      case Kind::Resize:
        return resample(step, 0, 0, h_, w_);
      case Kind::ResizedCrop:
        return resample(step, whole(p[1]), whole(p[2]), whole(p[3]), whole(p[4]));
      case Kind::Crop:
        return remake(step.out_h, step.out_w,
                      [&](ReferencePicture& x, int64_t row, int64_t column, int64_t c) {
                        return x.or_zero(row + whole(p[1]), column + whole(p[2]), c);
                      });
      case Kind::Flip:
        return remake(h_, w_, [](ReferencePicture& x, int64_t row, int64_t column, int64_t c) {
          return x.at(row, x.w_ - 1 - column, c);
        });
      case Kind::ColorJitter:
        for (int unit = 1000; unit > 0; unit /= 10) {
          const int64_t which = whole(p[1]) / unit % 10;
          if (step.a >> which & 1) adjust(which, p[static_cast<size_t>(2 + which)]);
        }
        return;
      case Kind::Grayscale:
        return each_pixel([&](int64_t row, int64_t column) {
          const T gray = luma(row, column);
          for (int64_t c = 0; c < c_; ++c) at(row, column, c) = gray;
        });
      case Kind::GaussianBlur:
        return blur(step.a, step.b, p[1], p[2]);
      case Kind::Solarize:
        for (T& value : values_) value = value >= static_cast<T>(p[1]) ? 1 - value : value;
        return;
      case Kind::Cutout:
      case Kind::Erase:
        return each_pixel([&](int64_t row, int64_t column) {
          const bool inside = row >= whole(p[1]) && row < whole(p[1] + p[3]) && column >= whole(p[2]) &&
                              column < whole(p[2] + p[4]);
          for (int64_t c = 0; inside && c < c_; ++c) at(row, column, c) = static_cast<T>(p[5]);
        });
      case Kind::Affine:
        return move(static_cast<Interpolation>(step.a), InverseAffine(p, h_, w_));
    }
  }

 private:
  static int64_t whole(double value) { return static_cast<int64_t>(value); }
  static T clamp(T x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

  T or_zero(int64_t row, int64_t column, int64_t channel) {
    return row >= 0 && row < h_ && column >= 0 && column < w_ ? at(row, column, channel) : 0;
  }
  T luma(int64_t row, int64_t column) {
    if (c_ == 1) return at(row, column, 0);
    return static_cast<T>(0.2989) * at(row, column, 0) + static_cast<T>(0.587) * at(row, column, 1) +
           static_cast<T>(0.114) * at(row, column, 2);
  }

  template <class Body>
  void each_pixel(Body&& body) {
    for (int64_t row = 0; row < h_; ++row) {
      for (int64_t column = 0; column < w_; ++column) body(row, column);
    }
  }
  /// A picture of h x w whose values are body(this picture, row, column, channel).
  template <class Body>
  void remake(int64_t h, int64_t w, Body&& body) {
    ReferencePicture made(h, w, c_);
    made.each_pixel([&](int64_t row, int64_t column) {
      for (int64_t c = 0; c < c_; ++c) made.at(row, column, c) = body(*this, row, column, c);
    });
    *this = std::move(made);
  }

  struct Axis {
    Axis(const data::Step& step, int64_t in, int64_t out)
        : taps(resampling_taps(in, out, static_cast<Interpolation>(step.c), step.d != 0)),
          first(static_cast<size_t>(out)),
          count(static_cast<size_t>(out)),
          weights(static_cast<size_t>(out * taps)) {
      Resampling<T> axis{out, taps, first.data(), count.data(), weights.data()};
      make_resampling(axis, in, static_cast<Interpolation>(step.c), step.d != 0);
    }
    T weight(int64_t i, int64_t j) const { return weights[static_cast<size_t>(i * taps + j)]; }
    int64_t taps;
    std::vector<int32_t> first, count;
    std::vector<T> weights;
  };

  void resample(const data::Step& step, int64_t top, int64_t left, int64_t h, int64_t w) {
    const Axis down(step, h, step.out_h), across(step, w, step.out_w);
    remake(step.out_h, step.out_w, [&](ReferencePicture& x, int64_t row, int64_t column, int64_t c) {
      const auto r = static_cast<size_t>(row), s = static_cast<size_t>(column);
      double sum = 0;
      for (int64_t i = 0; i < down.count[r]; ++i) {
        for (int64_t j = 0; j < across.count[s]; ++j) {
          sum += static_cast<double>(down.weight(row, i) * across.weight(column, j) *
                                     x.at(top + down.first[r] + i, left + across.first[s] + j, c));
        }
      }
      return static_cast<T>(sum);
    });
  }

  void blur(int64_t kernel_h, int64_t kernel_w, double sigma_h, double sigma_w) {
    std::vector<double> down(static_cast<size_t>(kernel_h)), across(static_cast<size_t>(kernel_w));
    make_gaussian(down.data(), kernel_h, sigma_h);
    make_gaussian(across.data(), kernel_w, sigma_w);
    remake(h_, w_, [&](ReferencePicture& x, int64_t row, int64_t column, int64_t c) {
      double sum = 0;
      for (int64_t i = 0; i < kernel_h; ++i) {
        for (int64_t j = 0; j < kernel_w; ++j) {
          sum += down[static_cast<size_t>(i)] * across[static_cast<size_t>(j)] *
                 static_cast<double>(
                     x.at(reflect(row + i - kernel_h / 2, h_), reflect(column + j - kernel_w / 2, w_), c));
        }
      }
      return static_cast<T>(sum);
    });
  }

  void move(Interpolation kind, const InverseAffine& inverse) {
    remake(h_, w_, [&](ReferencePicture& picture, int64_t row, int64_t column, int64_t c) -> T {
      double x = inverse.x(row, column), y = inverse.y(row, column);
      if (kind == Interpolation::Nearest) x = std::nearbyint(x), y = std::nearbyint(y);
      if (!(x > -1 && x < static_cast<double>(w_) && y > -1 && y < static_cast<double>(h_))) return 0;
      const double left = std::floor(x), top = std::floor(y);
      double sum = 0;
      for (int down = 0; down < 2; ++down) {
        for (int across = 0; across < 2; ++across) {
          const double weight = (1 - std::abs(x - left - across)) * (1 - std::abs(y - top - down));
          sum += weight * static_cast<double>(picture.or_zero(whole(top) + down, whole(left) + across, c));
        }
      }
      return static_cast<T>(sum);
    });
  }

  /// 0 brightness, 1 contrast, 2 saturation, 3 hue.
  void adjust(int64_t which, double factor) {
    if (which == 3) {
      if (c_ == 3) each_pixel([&](int64_t row, int64_t column) { shift_hue(&at(row, column, 0), factor); });
      return;
    }
    double mean = 0;
    if (which == 1) {
      each_pixel([&](int64_t row, int64_t column) { mean += static_cast<double>(luma(row, column)); });
      mean /= static_cast<double>(h_ * w_);
    }
    if (which == 2 && c_ == 1) return;
    each_pixel([&](int64_t row, int64_t column) {
      const T other = which == 2 ? luma(row, column) : static_cast<T>(mean);
      for (int64_t c = 0; c < c_; ++c) {
        T& value = at(row, column, c);
        value = clamp(static_cast<T>(factor) * value + static_cast<T>(1 - factor) * other);
      }
    });
  }

  // To hue, saturation and value, and back by the sextant of the hue.
  static void shift_hue(T* rgb, double shift) {
    const T r = rgb[0], g = rgb[1], b = rgb[2];
    const T most = std::max({r, g, b}), range = most - std::min({r, g, b}), divisor = range == 0 ? 1 : range;
    const T saturation = range == 0 ? 0 : range / most;
    const T rc = (most - r) / divisor, gc = (most - g) / divisor, bc = (most - b) / divisor;
    T hue = r == most ? bc - gc : g == most ? 2 + rc - bc : 4 + gc - rc;
    hue = std::fmod(hue / 6 + 1, static_cast<T>(1)) + static_cast<T>(shift);
    hue -= std::floor(hue);
    const T sextant = std::floor(hue * 6), f = hue * 6 - sextant;
    const T p = clamp(most * (1 - saturation)), q = clamp(most * (1 - saturation * f)),
            t = clamp(most * (1 - saturation * (1 - f)));
    switch (static_cast<int>(sextant) % 6) {
      case 0:
        rgb[0] = most, rgb[1] = t, rgb[2] = p;
        break;
      case 1:
        rgb[0] = q, rgb[1] = most, rgb[2] = p;
        break;
      case 2:
        rgb[0] = p, rgb[1] = most, rgb[2] = t;
        break;
      case 3:
        rgb[0] = p, rgb[1] = q, rgb[2] = most;
        break;
      case 4:
        rgb[0] = t, rgb[1] = p, rgb[2] = most;
        break;
      default:
        rgb[0] = most, rgb[1] = p, rgb[2] = q;
    }
  }

  int64_t h_, w_, c_;
  std::vector<T> values_;
};

}  // namespace lapidary::cpu::LAPIDARY_ISA
