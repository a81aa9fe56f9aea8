// The copy of an image, or of a band of its rows, into zero-padded scratch, with the prologue applied on the
// way: after it the convolution has no edges and no per-element work on its input.
//
// Bytes: one read and one write of the band; prologue: one multiply-add and one maximum an element.
#pragma once

#include "cpu/kernels/kernel.h"
#include "ops/conv2d.h"

namespace lapidary::cpu::LAPIDARY_ISA {

constexpr int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -ceil_div(-a, b); }

/// Which part of an image lands in scratch. Scratch pixel (i, j) is image pixel (top + i row_step, left + j
/// col_step).
struct PaddedWindow {
  int64_t rows, cols;  ///< of the scratch image
  int64_t pixel;       ///< floats between neighbouring scratch pixels (at least c)
  int64_t top, left;   ///< may be negative, or beyond the image
  int64_t row_step, col_step;
  int64_t floats() const { return rows * cols * pixel; }
};

/// Per-channel scale and shift. When channels do not fill vectors they are also laid out with a period of c
/// vectors
/// (`fill_period`), so that a row of pixels is still processed a vector at a time.
struct PrologueScales {
  const float *scale = nullptr, *shift = nullptr;
  const float *period_scale = nullptr, *period_shift = nullptr;  ///< c * kLanes floats each, or null
  bool relu = false;
};

/// Floats of scratch that `fill_period` needs.
inline int64_t period_floats(const Conv2dProblem& p) {
  const bool wanted = p.prologue != Prologue::None && p.c % kLanes != 0 && p.c < 4 * kLanes;
  return wanted ? round_up(2 * p.c * kLanes, 16) : 0;
}

inline PrologueScales prologue_scales(const Conv2dProblem& p, const float* scale, const float* shift,
                                      float* period) {
  PrologueScales s;
  s.scale = scale, s.shift = shift, s.relu = p.prologue == Prologue::AffineRelu;
  if (period_floats(p) == 0) return s;
  float* period_shift = period + p.c * kLanes;
  for (int64_t i = 0; i < p.c * kLanes; ++i) period[i] = scale[i % p.c], period_shift[i] = shift[i % p.c];
  s.period_scale = period, s.period_shift = period_shift;
  return s;
}

/// to[i] = act(from[i] * scale[i mod period] + shift[i mod period]); `count` need not be whole vectors.
inline void affine_run(const float* from, float* to, int64_t count, const float* scale, const float* shift,
                       int64_t period, bool with_relu) {
  int64_t i = 0;
  while (i + period <= count) {
    for (int64_t j = 0; j < period; j += kLanes, i += kLanes) {
      const Vec v = load(from + i) * load(scale + j) + load(shift + j);
      store(to + i, with_relu ? max(Vec{}, v) : v);
    }
  }
  for (int64_t j = 0; i < count; j += kLanes, i += kLanes) {
    const int64_t left = std::min<int64_t>(kLanes, count - i);
    const Vec x = left == kLanes ? load(from + i) : load_tail(from + i, left);
    const Vec v = x * load(scale + j) + load(shift + j);
    const Vec y = with_relu ? max(Vec{}, v) : v;
    if (left == kLanes)
      store(to + i, y);
    else
      store_tail(to + i, y, left);
  }
}

inline void affine_pixel(const float* from, float* to, int64_t c, const PrologueScales& s) {
  int64_t i = 0;
  for (; i + kLanes <= c; i += kLanes) {
    const Vec v = load(from + i) * load(s.scale + i) + load(s.shift + i);
    store(to + i, s.relu ? max(Vec{}, v) : v);
  }
  if (i == c) return;
  const Vec v = load_tail(from + i, c - i) * load_tail(s.scale + i, c - i) + load_tail(s.shift + i, c - i);
  store_tail(to + i, s.relu ? max(Vec{}, v) : v, c - i);
}

/// Fetches what the next vector of a pixel's channels reads: pixels of many channels lie apart, and no
/// hardware prefetcher follows one vector of each.
static inline void prefetch_next_vector(const float* from) {
  constexpr int64_t kCacheLine = 16;
  __builtin_prefetch(from + kCacheLine, 0, 2);
}

struct WindowColumns {
  int64_t first, past;
};
/// Columns of the window that lie in an image of width w.
inline WindowColumns columns_inside(int64_t w, const PaddedWindow& window) {
  const int64_t first =
      std::clamp<int64_t>(ceil_div(std::max<int64_t>(-window.left, 0), window.col_step), 0, window.cols);
  return {first, window.left >= w
                     ? first
                     : std::clamp<int64_t>(ceil_div(w - window.left, window.col_step), first, window.cols)};
}

/// row(from, to) for every row of the window that lies in the image, at the first column that does.
template <class Row>
inline void for_rows_inside(const float* image, int64_t h, int64_t pixel, int64_t w,
                            const PaddedWindow& window, float* to, const Row& row) {
  const int64_t first = columns_inside(w, window).first;
  for (int64_t i = 0; i < window.rows; ++i) {
    const int64_t y = window.top + i * window.row_step;
    if (y >= 0 && y < h)
      row(image + (y * w + window.left + first * window.col_step) * pixel,
          to + (i * window.cols + first) * window.pixel);
  }
}

/// Zeros where the window leaves the image.
inline void clear_border(int64_t h, int64_t w, const PaddedWindow& window, float* to) {
  const auto [first, past] = columns_inside(w, window);
  const auto clear = [&window](float* at, int64_t pixels) {
    std::memset(at, 0, static_cast<size_t>(pixels * window.pixel) * sizeof(float));
  };
  for (int64_t i = 0; i < window.rows; ++i, to += window.cols * window.pixel) {
    const int64_t y = window.top + i * window.row_step;
    if (y < 0 || y >= h || first == past) {
      clear(to, window.cols);
      continue;
    }
    if (first > 0) clear(to, first);
    if (past < window.cols) clear(to + past * window.pixel, window.cols - past);
  }
}

/// `image` is the first float of an h x w image whose pixels lie `pixel` floats apart; `s` null: plain copy.
inline void copy_padded(const float* image, int64_t h, int64_t w, int64_t c, int64_t pixel,
                        const PaddedWindow& window, const PrologueScales* s, float* to) {
  const WindowColumns columns = columns_inside(w, window);
  const int64_t inside = columns.past - columns.first;
  const bool dense =
      window.col_step == 1 && pixel == c && window.pixel == c && (!s || s->period_scale || c % kLanes == 0);
  clear_border(h, w, window, to);
  for_rows_inside(image, h, pixel, w, window, to, [=, &window](const float* from, float* at) {
    if (dense && !s) {
      std::memcpy(at, from, static_cast<size_t>(inside * c) * sizeof(float));
    } else if (dense && s->period_scale) {
      affine_run(from, at, inside * c, s->period_scale, s->period_shift, c * kLanes, s->relu);
    } else if (dense) {
      affine_run(from, at, inside * c, s->scale, s->shift, c, s->relu);
    } else {
      for (int64_t j = 0; j < inside; ++j, from += window.col_step * pixel, at += window.pixel) {
        if (s)
          affine_pixel(from, at, c, *s);
        else
          std::memcpy(at, from, static_cast<size_t>(c) * sizeof(float));
      }
    }
  });
}

/// Pixels of many channels a power of two apart share few cache sets; one more cache line between them
/// spreads them.
constexpr int64_t spread_pixel(int64_t channels) {
  return channels >= 256 && channels % 256 == 0 ? channels + 16 : channels;
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
