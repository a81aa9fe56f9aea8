// How the instructions that only move values carry their origins on (memory/origins.h): for Op::trace.
#pragma once

#include <algorithm>

#include "../machine/block.h"

namespace softgpu {

/// d = a, for values of `kBytes` bytes.
template <std::uint32_t kBytes>
void trace_copy(Warp& warp, const Op& op) {
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    std::copy_n(warp.origins(op.a) + kBytes * i, kBytes, warp.origins(op.d) + kBytes * i);
  }
}

inline Handler trace_copy(std::uint32_t bytes) {
  return bytes == 8 ? trace_copy<8> : bytes == 4 ? trace_copy<4> : bytes == 2 ? trace_copy<2> : nullptr;
}

/// d = predicate c ? a : b.
template <std::uint32_t kBytes>
void trace_select(Warp& warp, const Op& op) {
  const std::uint32_t chosen = warp.predicate(op.c);
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    const Slot from = (chosen >> i & 1) != 0 ? op.a : op.b;
    std::copy_n(warp.origins(from) + kBytes * i, kBytes, warp.origins(op.d) + kBytes * i);
  }
}

/// d = {listed parts}, the first in the lowest bytes.
template <std::uint32_t kWhole, std::uint32_t kPart>
void trace_pack(Warp& warp, const Op& op) {
  const Slot* parts = warp.list(op);
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    for (std::uint32_t p = 0; p < kWhole / kPart; ++p) {
      std::copy_n(warp.origins(parts[p]) + kPart * i, kPart, warp.origins(op.d) + kWhole * i + kPart * p);
    }
  }
}

/// {listed parts} = a.
template <std::uint32_t kWhole, std::uint32_t kPart>
void trace_unpack(Warp& warp, const Op& op) {
  const Slot* parts = warp.list(op);
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    for (std::uint32_t p = 0; p < kWhole / kPart; ++p) {
      if (parts[p] == kNoSlot) continue;
      std::copy_n(warp.origins(op.a) + kWhole * i + kPart * p, kPart, warp.origins(parts[p]) + kPart * i);
    }
  }
}

/// prmt in its default mode: bytes of {b, a} picked by c; a replicated sign has no origin.
inline void trace_permute(Warp& warp, const Op& op) {
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    const std::uint32_t selectors = warp.lanes<std::uint32_t>(op.c)[i];
    for (std::uint32_t byte = 0; byte < 4; ++byte) {
      const std::uint32_t selector = selectors >> (4 * byte) & 15;
      const Slot from = (selector & 4) != 0 ? op.b : op.a;
      warp.origins(op.d)[4 * i + byte] = (selector & 8) != 0 ? 0 : warp.origins(from)[4 * i + (selector & 3)];
    }
  }
}

/// A conversion between floats: all bytes of d come from the element that all bytes of a came from. Of
/// accumulators nothing is kept.
inline void trace_conversion(Warp& warp, const Op& op, Slot a, std::uint32_t a_bytes, std::uint32_t d_bytes,
                             std::uint32_t d_stride, std::uint32_t d_first) {
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    const Origin* from = warp.origins(a) + a_bytes * i;
    const bool one = std::all_of(from, from + a_bytes, [&](Origin each) { return each == from[0]; });
    std::fill_n(warp.origins(op.d) + d_stride * i + d_first, d_bytes,
                one && (from[0] & kAccumulator) == 0 ? from[0] : Origin{0});
  }
}

}  // namespace softgpu
