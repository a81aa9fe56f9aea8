// conv2d, reference: the three directions as plain loops over the scalar T, sums in double, one rounding.
//
// Takes every problem (groups, depthwise, dilation, strides, any padding). FLOPs: 2 macs(). Bytes: every
// operand once at best; nothing is blocked. Bench: npm run bench:kernel -- --kernel conv2d_fprop
// --implementation ref
// --problem "..."
#pragma once

#include <vector>

#include "cpu/kernels/kernel.h"
#include "ops/conv2d.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// How many outputs are summed side by side, so that a chain of additions does not set the pace.
inline constexpr int64_t kRefLanes = 8;

template <class T>
double conv2d_ref_prologue(const Conv2dProblem& p, T x, const T* scale, const T* shift, int64_t c) {
  if (p.prologue == Prologue::None) return static_cast<double>(x);
  const double value = static_cast<double>(x) * static_cast<double>(scale[c]) + static_cast<double>(shift[c]);
  return p.prologue == Prologue::AffineRelu && value < 0 ? 0.0 : value;
}

template <class T>
void conv2d_fprop_ref(const Conv2dProblem& p, const Conv2dFprop<T>& a, KernelContext& context) {
  const int64_t P = p.p(), Q = p.q(), cg = p.c / p.groups, kg = p.k / p.groups, taps = p.r * p.s * cg;
  const int64_t x_pixel = p.x_pixel(), y_pixel = p.y_pixel(), rows = p.n * P;
  // One (mean, M2) a row of outputs; this is the only implementation that allocates while it runs.
  std::vector<double> partial(p.statistics ? static_cast<size_t>(rows * p.k * 2) : 0);
  context.parallel(rows, [&](int64_t row, int) {
    const int64_t image = row / P, oy = row % P;
    double* mean = p.statistics ? partial.data() + row * p.k * 2 : nullptr;
    for (int64_t ox = 0; ox < Q; ++ox) {
      const int64_t pixel = row * Q + ox;
      for (int64_t k0 = 0; k0 < p.k; k0 += kRefLanes) {
        const int64_t lanes = std::min(kRefLanes, p.k - k0);
        double sum[kRefLanes] = {};
        int64_t first_c[kRefLanes] = {};
        for (int64_t j = 0; j < lanes; ++j) first_c[j] = (k0 + j) / kg * cg;
        for (int64_t r = 0; r < p.r; ++r) {
          const int64_t iy = oy * p.stride_h - p.pad_h + r * p.dilation_h;
          if (iy < 0 || iy >= p.h) continue;
          for (int64_t s = 0; s < p.s; ++s) {
            const int64_t ix = ox * p.stride_w - p.pad_w + s * p.dilation_w;
            if (ix < 0 || ix >= p.w) continue;
            const T* x = a.x + ((image * p.h + iy) * p.w + ix) * x_pixel;
            const T* f = a.filter + k0 * taps + (r * p.s + s) * cg;
            for (int64_t c = 0; c < cg; ++c)
              for (int64_t j = 0; j < lanes; ++j)
                sum[j] += conv2d_ref_prologue(p, x[first_c[j] + c], a.in_scale, a.in_shift, first_c[j] + c) *
                          static_cast<double>(f[j * taps + c]);
          }
        }
        for (int64_t j = 0; j < lanes; ++j) {
          const int64_t k = k0 + j;
          if (mean) {  // Welford; the statistics see the unrounded sums
            double& m = mean[k];
            const double delta = sum[j] - m;
            m += delta / static_cast<double>(ox + 1);
            mean[p.k + k] += delta * (sum[j] - m);
          }
          double y = sum[j];
          if (p.scale) y *= static_cast<double>(a.out_scale[k]);
          if (p.bias) y += static_cast<double>(a.bias[k]);
          if (p.residual) y += static_cast<double>(a.residual[pixel * p.k + k]);
          if (p.rectifies() && y < 0) y = 0;
          if (y > static_cast<double>(p.ceiling())) y = static_cast<double>(p.ceiling());
          a.y[pixel * y_pixel + k] = static_cast<T>(y);
        }
      }
    }
  });
  if (!p.statistics) return;
  for (int64_t k = 0; k < p.k; ++k) {
    double mean = 0, m2 = 0, count = 0;
    for (int64_t row = 0; row < rows; ++row) {
      const double other = partial[static_cast<size_t>(row * p.k * 2 + k)], n = static_cast<double>(Q);
      const double delta = other - mean, total = count + n;
      m2 += partial[static_cast<size_t>((row * 2 + 1) * p.k + k)] + delta * delta * count * n / total;
      mean += delta * n / total;
      count = total;
    }
    a.mean[k] = static_cast<T>(mean);
    a.variance[k] = static_cast<T>(m2 / count);
  }
}

template <class T>
void conv2d_dgrad_ref(const Conv2dProblem& p, const Conv2dDgrad<T>& a, KernelContext& context) {
  const int64_t P = p.p(), Q = p.q(), cg = p.c / p.groups, kg = p.k / p.groups, taps = p.r * p.s * cg;
  const int64_t x_pixel = p.x_pixel(), y_pixel = p.y_pixel();
  context.parallel(p.n * p.h, [&](int64_t row, int) {
    const int64_t image = row / p.h, iy = row % p.h;
    for (int64_t ix = 0; ix < p.w; ++ix) {
      for (int64_t c0 = 0; c0 < p.c; c0 += kRefLanes) {
        const int64_t lanes = std::min(kRefLanes, p.c - c0);
        double sum[kRefLanes] = {};
        int64_t first_k[kRefLanes] = {}, c_in_group[kRefLanes] = {};
        for (int64_t j = 0; j < lanes; ++j) {
          first_k[j] = (c0 + j) / cg * kg;
          c_in_group[j] = (c0 + j) % cg;
        }
        for (int64_t r = 0; r < p.r; ++r) {
          const int64_t oy = iy + p.pad_h - r * p.dilation_h;
          if (oy < 0 || oy % p.stride_h != 0 || oy / p.stride_h >= P) continue;
          for (int64_t s = 0; s < p.s; ++s) {
            const int64_t ox = ix + p.pad_w - s * p.dilation_w;
            if (ox < 0 || ox % p.stride_w != 0 || ox / p.stride_w >= Q) continue;
            const T* dy = a.dy + ((image * P + oy / p.stride_h) * Q + ox / p.stride_w) * y_pixel;
            const T* f = a.filter + (r * p.s + s) * cg;
            for (int64_t k = 0; k < kg; ++k)
              for (int64_t j = 0; j < lanes; ++j)
                sum[j] += static_cast<double>(dy[first_k[j] + k]) *
                          static_cast<double>(f[(first_k[j] + k) * taps + c_in_group[j]]);
          }
        }
        for (int64_t j = 0; j < lanes; ++j) {
          const int64_t at = (row * p.w + ix) * x_pixel + c0 + j;
          double dx = sum[j];
          if (p.addend) dx += static_cast<double>(a.addend[at]);
          if (p.mask != Rectifier::None && (a.rectified[at] <= 0 || a.rectified[at] > greatest_open(p.mask)))
            dx = 0;
          a.dx[at] = static_cast<T>(dx);
        }
      }
    }
  });
}

template <class T>
void conv2d_wgrad_ref(const Conv2dProblem& p, const Conv2dWgrad<T>& a, KernelContext& context) {
  const int64_t P = p.p(), Q = p.q(), cg = p.c / p.groups, kg = p.k / p.groups;
  const int64_t x_pixel = p.x_pixel(), y_pixel = p.y_pixel();
  // A chunk is one tap (r, s) of kRefLanes filters: each of its sums runs over all images in order.
  const int64_t k_blocks = ceil_div(p.k, kRefLanes);
  context.parallel(k_blocks * p.r * p.s, [&](int64_t chunk, int) {
    const int64_t k0 = chunk / (p.r * p.s) * kRefLanes, tap = chunk % (p.r * p.s), r = tap / p.s,
                  s = tap % p.s;
    const int64_t lanes = std::min(kRefLanes, p.k - k0);
    for (int64_t c = 0; c < cg; ++c) {
      double sum[kRefLanes] = {};
      int64_t channel[kRefLanes] = {};
      for (int64_t j = 0; j < lanes; ++j) channel[j] = (k0 + j) / kg * cg + c;
      for (int64_t image = 0; image < p.n; ++image)
        for (int64_t oy = 0; oy < P; ++oy) {
          const int64_t iy = oy * p.stride_h - p.pad_h + r * p.dilation_h;
          if (iy < 0 || iy >= p.h) continue;
          for (int64_t ox = 0; ox < Q; ++ox) {
            const int64_t ix = ox * p.stride_w - p.pad_w + s * p.dilation_w;
            if (ix < 0 || ix >= p.w) continue;
            const T* x = a.x + ((image * p.h + iy) * p.w + ix) * x_pixel;
            const T* dy = a.dy + ((image * P + oy) * Q + ox) * y_pixel + k0;
            for (int64_t j = 0; j < lanes; ++j)
              sum[j] += conv2d_ref_prologue(p, x[channel[j]], a.in_scale, a.in_shift, channel[j]) *
                        static_cast<double>(dy[j]);
          }
        }
      for (int64_t j = 0; j < lanes; ++j)
        a.dfilter[((k0 + j) * p.r * p.s + tap) * cg + c] = static_cast<T>(sum[j]);
    }
  });
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
