// conv2d dgrad, Winograd F(2x2, 3x3) and F(4x4, 3x3): of stride 1 it is the convolution of dy with the filter
// flipped and transposed, padded by 2 - pad; winograd_convolution.h has the algorithm.
//
// Packed filter "winograd_f2x3_dgrad", "winograd_f4x3_dgrad": [panel of C][frequency][k][C lanes].
// Multiply-adds an input and channel pair: 4 and 2.25 instead of 9. Bytes: dy, dx and what the epilogue
// (gradient_epilogue.h) reads once, the transformed
// filter (1.8 and 4 times the filter) once a block of tiles; where filter_stationary holds, the filter itself
// once a chunk of them.
// Bench: npm run bench:kernel -- --kernel conv2d_dgrad --problem "N=128 H=32 W=32 C=16 K=16 R=3 S=3 pad_h=1
// pad_w=1"
#include "cpu/kernels/conv2d/winograd_choice.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <int M>
std::string supports(const Conv2dProblem& p) {
  return refuse_winograd<M>(p, WinogradShape::dgrad(p));
}

template <int M>
size_t workspace(const Conv2dProblem& p) {
  return stationary_bytes<M>(WinogradShape::dgrad(p));
}

template <int M>
size_t packed_bytes(const Conv2dProblem& p) {
  return winograd_filter_bytes<M>(WinogradShape::dgrad(p));
}

/// The taps of the flipped filter, laid out for its transform.
struct Taps {
  const float* filter;
  int64_t c;
  Taps(const Conv2dProblem& p, const float* filter) : filter(filter), c(p.c) {}
  const float* at(int64_t k, int64_t tap, int64_t panel) const {
    return filter + (k * 9 + 8 - tap) * c + panel * kPanel;
  }

  void operator()(int64_t tap, int64_t k0, int64_t count, int64_t panel, int64_t width, float* to) const {
    pack_plain(at(k0, tap, panel), 9 * c, c - panel * kPanel, count, width, to);
  }
  void prefetch(int64_t k0, int64_t count, int64_t panel, int64_t width) const {
    for (int64_t k = k0; k < k0 + count; ++k)
      for (int64_t tap = 0; tap < 9; ++tap) prefetch_part(at(k, tap, panel), width, 0, 1);
  }
};

template <int M>
void pack(const Conv2dProblem& p, const float* filter, float* packed, KernelContext& context) {
  pack_winograd<M>(WinogradShape::dgrad(p), packed, context, Taps(p, filter));
}

template <int M>
void dgrad(const Conv2dProblem& p, const Conv2dDgrad<float>& a, KernelContext& context) {
  const GradientEpilogue epilogue(p, a);
  WinogradOperands operands{a.dy, static_cast<const float*>(context.packed), a.dx};
  if (!epilogue.empty()) operands.gradient = &epilogue;
  winograd_convolution<M>(WinogradShape::dgrad(p), operands, static_cast<float*>(context.workspace),
                          Taps(p, a.filter), context);
}

template <int M>
Implementation winograd(const char* name, const char* packed_format) {
  return with_packing<Conv2dProblem, &packed_bytes<M>, &pack<M>>(
      implementation<Conv2dDgrad<float>, &dgrad<M>, &supports<M>, &workspace<M>>(name), packed_format, 1);
}

}  // namespace

Implementation conv2d_dgrad_winograd_f2x3() { return winograd<2>("winograd_f2x3", "winograd_f2x3_dgrad"); }
Implementation conv2d_dgrad_winograd_f4x3() { return winograd<4>("winograd_f4x3", "winograd_f4x3_dgrad"); }

}  // namespace lapidary::cpu::LAPIDARY_ISA
