// Max and average pooling over NHWC.
//
// Variants
//   pixels  vectors over channels, output (backward: input) pixels in parallel. Backward gathers: an input
//           pixel adds the windows that contain it, so nothing is scattered and overlapping windows need no
//           order between threads.
//   ref     the same sums, a value at a time, in double.
//
// fprop reads N H W C * 4 bytes (overlapping windows from cache), writes N P Q C * 4 (max: 8), R S FLOPs an
// output.
// Bench: npm run bench:kernel -- --kernel pool_fprop --problem "N=128 H=8 W=8 C=64 R=8 S=8 kind=average"
#include "ops/pool.h"
#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

// The valid part [begin, end) of a window along one axis.
struct Window {
  int64_t begin, end;
  int64_t size() const { return end > begin ? end - begin : 0; }
};
Window window_of(int64_t out, int64_t stride, int64_t pad, int64_t taps, int64_t extent) {
  const int64_t first = out * stride - pad;
  return {std::max<int64_t>(first, 0), std::min(first + taps, extent)};
}

// The windows [begin, end) along one axis that contain position `in`.
Window windows_over(int64_t in, int64_t stride, int64_t pad, int64_t taps, int64_t outs) {
  const int64_t lowest = in + pad - taps + 1;  // of first * stride
  return {lowest <= 0 ? 0 : ceil_div(lowest, stride), std::min((in + pad) / stride + 1, outs)};
}

double divisor(const PoolProblem& p, Window rows, Window columns) {
  return static_cast<double>(p.count_padding ? p.r * p.s : rows.size() * columns.size());
}

template <class T>
void fprop_ref(const PoolProblem& p, const PoolFprop<T>& a, KernelContext&) {
  int64_t out = 0;
  for (int64_t n = 0; n < p.n; ++n) {
    for (int64_t i = 0; i < p.p(); ++i) {
      const Window rows = window_of(i, p.stride_h, p.pad_h, p.r, p.h);
      for (int64_t j = 0; j < p.q(); ++j) {
        const Window columns = window_of(j, p.stride_w, p.pad_w, p.s, p.w);
        for (int64_t c = 0; c < p.c; ++c, ++out) {
          double sum = 0;
          T best = -std::numeric_limits<T>::infinity();
          int64_t where = rows.begin * p.w + columns.begin;
          for (int64_t h = rows.begin; h < rows.end; ++h) {
            for (int64_t w = columns.begin; w < columns.end; ++w) {
              const T x = a.x[((n * p.h + h) * p.w + w) * p.c + c];
              sum += x;
              if (x > best || (x != x && best == best)) best = x, where = h * p.w + w;
            }
          }
          if (p.kind == PoolKind::Max) {
            a.y[out] = best;
            a.index[out] = static_cast<int32_t>(where);
          } else {
            a.y[out] = static_cast<T>(sum / divisor(p, rows, columns));
          }
        }
      }
    }
  }
}

// Gathers: each input position adds the windows that contain it, so nothing is scattered.
template <class T>
void dgrad_ref(const PoolProblem& p, const PoolDgrad<T>& a, KernelContext&) {
  int64_t in = 0;
  for (int64_t n = 0; n < p.n; ++n) {
    for (int64_t h = 0; h < p.h; ++h) {
      const Window is = windows_over(h, p.stride_h, p.pad_h, p.r, p.p());
      for (int64_t w = 0; w < p.w; ++w) {
        const Window js = windows_over(w, p.stride_w, p.pad_w, p.s, p.q());
        for (int64_t c = 0; c < p.c; ++c, ++in) {
          double sum = 0;
          for (int64_t i = is.begin; i < is.end; ++i) {
            for (int64_t j = js.begin; j < js.end; ++j) {
              const int64_t out = ((n * p.p() + i) * p.q() + j) * p.c + c;
              if (p.kind == PoolKind::Max) {
                if (a.index[out] == h * p.w + w) sum += a.dy[out];
              } else {
                sum += a.dy[out] / divisor(p, window_of(i, p.stride_h, p.pad_h, p.r, p.h),
                                           window_of(j, p.stride_w, p.pad_w, p.s, p.w));
              }
            }
          }
          a.dx[in] = static_cast<T>(sum);
        }
      }
    }
  }
}

// Pixels of one task, when `reads` values are read for each of `channels` channels of a pixel.
int64_t pixel_grain(int64_t channels, int64_t reads) {
  return std::max<int64_t>(kStreamGrain / std::max<int64_t>(channels * reads, 1), 1);
}

void fprop_pixels(const PoolProblem& p, const PoolFprop<float>& a, KernelContext& context) {
  const int64_t height = p.p(), width = p.q();
  const auto pixel = [=](int64_t out) {
    const int64_t n = out / (height * width);
    const Window rows = window_of(out / width % height, p.stride_h, p.pad_h, p.r, p.h);
    const Window columns = window_of(out % width, p.stride_w, p.pad_w, p.s, p.w);
    const float* image = a.x + n * p.h * p.w * p.c;
    if (p.kind == PoolKind::Average) {
      const float scale = static_cast<float>(1 / divisor(p, rows, columns));
      for_vectors(0, p.c, [&](int64_t c, auto lanes) {
        Vec sum{};
        for (int64_t h = rows.begin; h < rows.end; ++h) {
          Vec row{};
          for (int64_t w = columns.begin; w < columns.end; ++w)
            row += load(image + (h * p.w + w) * p.c + c, lanes);
          sum += row;
        }
        store(a.y + out * p.c + c, sum * scale, lanes);
      });
      return;
    }
    for_vectors(0, p.c, [&](int64_t c, auto lanes) {
      Vec best = broadcast(-std::numeric_limits<float>::infinity());
      IntVec where = IntVec{} + static_cast<int32_t>(rows.begin * p.w + columns.begin);
      for (int64_t h = rows.begin; h < rows.end; ++h) {
        for (int64_t w = columns.begin; w < columns.end; ++w) {
          const Vec x = load(image + (h * p.w + w) * p.c + c, lanes);
          const auto wins = (x > best) | ((x != x) & (best == best));
          best = wins ? x : best;
          where = wins ? IntVec{} + static_cast<int32_t>(h * p.w + w) : where;
        }
      }
      store(a.y + out * p.c + c, best, lanes);
      std::memcpy(a.index + out * p.c + c, &where, static_cast<size_t>(lanes) * sizeof(int32_t));
    });
  };
  for_ranges(context, p.n * height * width, pixel_grain(p.c, p.r * p.s),
             [&](int64_t begin, int64_t end, int64_t, int) {
               const auto own = pixel;  // a copy stays in registers across stores
               for (int64_t out = begin; out < end; ++out) own(out);
             });
}

template <bool kMax>
void dgrad_pixels_of(const PoolProblem& p, const PoolDgrad<float>& a, KernelContext& context) {
  const int64_t height = p.p(), width = p.q();
  // Whether every window has the same divisor.
  const bool even = p.count_padding || (p.pad_h == 0 && p.pad_w == 0);
  const float share = static_cast<float>(1 / static_cast<double>(p.r * p.s));
  const auto share_of = [=](int64_t i, int64_t j) {
    if (even) return share;
    return static_cast<float>(1 / divisor(p, window_of(i, p.stride_h, p.pad_h, p.r, p.h),
                                          window_of(j, p.stride_w, p.pad_w, p.s, p.w)));
  };
  const auto row = [=](int64_t n, int64_t h) {
    const Window is = windows_over(h, p.stride_h, p.pad_h, p.r, height);
    const float* dy = a.dy + n * height * width * p.c;
    const int32_t* index = kMax ? a.index + n * height * width * p.c : nullptr;
    float* dx = a.dx + (n * p.h + h) * p.w * p.c;
    for (int64_t w = 0; w < p.w; ++w, dx += p.c) {
      const Window js = windows_over(w, p.stride_w, p.pad_w, p.s, width);
      const IntVec here = IntVec{} + static_cast<int32_t>(h * p.w + w);
      for_vectors(0, p.c, [=](int64_t c, auto lanes) {
        Vec sum{};
        for (int64_t i = is.begin; i < is.end; ++i) {
          for (int64_t j = js.begin; j < js.end; ++j) {
            const int64_t out = (i * width + j) * p.c + c;
            const Vec gradient = load(dy + out, lanes);
            if constexpr (kMax) {
              IntVec where{};
              std::memcpy(&where, index + out, static_cast<size_t>(lanes) * sizeof(int32_t));
              sum += where == here ? gradient : Vec{};
            } else {
              sum += gradient * share_of(i, j);
            }
          }
        }
        store(dx + c, sum, lanes);
      });
    }
  };
  const int64_t grain = pixel_grain(p.w * p.c, ceil_div(p.r, p.stride_h) * ceil_div(p.s, p.stride_w));
  for_ranges(context, p.n * p.h, grain, [&](int64_t begin, int64_t end, int64_t, int) {
    const auto own = row;  // a copy stays in registers across stores
    for (int64_t at = begin; at < end; ++at) own(at / p.h, at % p.h);
  });
}

void dgrad_pixels(const PoolProblem& p, const PoolDgrad<float>& a, KernelContext& context) {
  if (p.kind == PoolKind::Max)
    dgrad_pixels_of<true>(p, a, context);
  else
    dgrad_pixels_of<false>(p, a, context);
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(pool_fprop, PoolFprop, fprop_ref,
                       implementation<PoolFprop<float>, &fprop_pixels>("pixels"))
LAPIDARY_DEFINE_KERNEL(pool_dgrad, PoolDgrad, dgrad_ref,
                       implementation<PoolDgrad<float>, &dgrad_pixels>("pixels"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
