// Which convolutions Winograd takes, and with which tile: a pure function of the problem without N, so that a
// sample has the same bits in every batch.
//
// Measured on Zen 4 (AVX-512, 2 threads) against implicit_gemm, filter transform included: see
// docs/performance.md. F(4x4) wins from 8 input channels on; F(2x2) takes over where the filter transform
// would dominate (its transformed filter has 16 instead of 36 matrices), and where precision is strict.
#pragma once

#include "cpu/kernels/conv2d/winograd_filter_stationary.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// Why F(M x M, 3 x 3) cannot compute the problem, or must not; empty: it can.
template <int M>
std::string refuse_geometry(const Conv2dProblem& p) {
  if (p.r != 3 || p.s != 3) return "not a 3x3 filter";
  if (p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 || p.dilation_w != 1)
    return "stride or dilation above 1";
  if (p.groups != 1) return "groups";
  if (p.pad_h > 2 || p.pad_w > 2) return "padding above 2";
  if (M == 4 && p.strict) return "precision is strict";
  return {};
}

/// Why fprop and dgrad do not take it, whose convolution has the shape `s`; empty: they do.
template <int M>
std::string refuse_winograd(const Conv2dProblem& p, const WinogradShape& s) {
  if (std::string reason = refuse_geometry<M>(p); !reason.empty()) return reason;
  if (s.c < 7 || s.k < 4) return "too few channels";
  if (M == 4 && s.c * s.k >= 512 * 512 && s.p * s.q < 256)
    return "the transformed filter would outweigh the image";
  return {};
}

/// fprop_winograd.cpp
Implementation conv2d_fprop_winograd_f2x3();
Implementation conv2d_fprop_winograd_f4x3();
/// dgrad_winograd.cpp
Implementation conv2d_dgrad_winograd_f2x3();
Implementation conv2d_dgrad_winograd_f4x3();
/// wgrad_winograd.cpp
Implementation conv2d_wgrad_winograd_f2x3();
Implementation conv2d_wgrad_winograd_f4x3();

}  // namespace lapidary::cpu::LAPIDARY_ISA
