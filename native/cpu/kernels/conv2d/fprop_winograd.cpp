// conv2d fprop, Winograd F(2x2, 3x3) and F(4x4, 3x3): winograd_convolution.h has the algorithm.
//
// Packed filter "winograd_f2x3_fprop", "winograd_f4x3_fprop": [panel of K][frequency][c][K lanes].
// Multiply-adds an output and channel pair: 4 and 2.25 instead of 9. Bytes: x and y once, the transformed
// filter (1.8 and 4 times the filter) once a block of tiles; where filter_stationary holds, the filter itself
// once a chunk of them.
// Bench: npm run bench:kernel -- --kernel conv2d_fprop --problem "N=128 H=32 W=32 C=16 K=16 R=3 S=3 pad_h=1
// pad_w=1"
#include "cpu/kernels/conv2d/winograd_choice.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <int M>
std::string supports(const Conv2dProblem& p) {
  if (p.statistics && p.changes_output()) return "statistics together with scale, bias, residual or relu";
  return refuse_winograd<M>(p, WinogradShape::fprop(p));
}

template <int M>
size_t workspace(const Conv2dProblem& p) {
  const WinogradShape s = WinogradShape::fprop(p);
  return stationary_bytes<M>(s) + (p.statistics ? winograd_statistics_bytes<M>(s) : 0);
}

template <int M>
size_t packed_bytes(const Conv2dProblem& p) {
  return winograd_filter_bytes<M>(WinogradShape::fprop(p));
}

/// The filter's taps, laid out for its transform.
struct Taps {
  const float* filter;
  int64_t c, k;
  Taps(const Conv2dProblem& p, const float* filter) : filter(filter), c(p.c), k(p.k) {}
  const float* at(int64_t column, int64_t tap, int64_t c0) const {
    return filter + (column * 9 + tap) * c + c0;
  }

  void operator()(int64_t tap, int64_t c0, int64_t count, int64_t panel, int64_t width, float* to) const {
    pack_transposed(at(panel * kPanel, tap, c0), 9 * c, k - panel * kPanel, count, width, to);
  }
  void prefetch(int64_t c0, int64_t count, int64_t panel, int64_t width) const {
    const int64_t first = panel * kPanel, last = std::min(k, first + width);
    for (int64_t column = first; column < last; ++column)
      for (int64_t tap = 0; tap < 9; ++tap) prefetch_part(at(column, tap, c0), count, 0, 1);
  }
};

template <int M>
void pack(const Conv2dProblem& p, const float* filter, float* packed, KernelContext& context) {
  pack_winograd<M>(WinogradShape::fprop(p), packed, context, Taps(p, filter));
}

template <int M>
void fprop(const Conv2dProblem& p, const Conv2dFprop<float>& a, KernelContext& context) {
  const WinogradShape shape = WinogradShape::fprop(p);
  WinogradOperands operands{a.x, static_cast<const float*>(context.packed), a.y};
  if (p.prologue != Prologue::None) {
    operands.in_scale = a.in_scale, operands.in_shift = a.in_shift;
    operands.in_relu = p.prologue == Prologue::AffineRelu;
  }
  operands.out_scale = p.scale ? a.out_scale : nullptr;
  operands.bias = p.bias ? a.bias : nullptr;
  operands.residual = p.residual ? a.residual : nullptr;
  operands.relu = p.rectifies();
  operands.ceiling = p.ceiling();
  float* const workspace = static_cast<float*>(context.workspace);
  operands.partial = p.statistics ? workspace + stationary_bytes<M>(shape) / sizeof(float) : nullptr;
  winograd_convolution<M>(shape, operands, workspace, Taps(p, a.filter), context);
  if (p.statistics) merge_chunks(winograd_chunks<M>(shape), p.k, operands.partial, a, context);
}

template <int M>
Implementation winograd(const char* name, const char* packed_format) {
  return with_packing<Conv2dProblem, &packed_bytes<M>, &pack<M>>(
      implementation<Conv2dFprop<float>, &fprop<M>, &supports<M>, &workspace<M>>(name), packed_format, 1);
}

}  // namespace

Implementation conv2d_fprop_winograd_f2x3() { return winograd<2>("winograd_f2x3", "winograd_f2x3_fprop"); }
Implementation conv2d_fprop_winograd_f4x3() { return winograd<4>("winograd_f4x3", "winograd_f4x3_fprop"); }

}  // namespace lapidary::cpu::LAPIDARY_ISA
