// Winograd convolution whose transformed filter would not fit in the caches: it is never stored as a whole.
//
// (a) All tiles of a group are transformed into workspace, which the last cache holds. (b) An item, a panel
// of output channels for one chunk of tiles, transforms the panel's filter into scratch and uses it for all
// of its tiles at once; then (c) as in winograd_convolution.h. So the filter comes from memory as it is, a
// quarter of its transformed size for F(4x4), and nothing is kept beside it. The sums are the same chains
// over C as there, so the bits are too.
#pragma once

#include "cpu/kernels/conv2d/winograd_convolution.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// Whether the transformed filter would leave the caches and serves so many tiles that its transform weighs
/// little: a step of training, say, before which it has changed anyway. For few tiles it is kept, at the
/// price of its memory. Either order gives the same sums, so this may depend on N.
template <int M>
bool filter_stationary(const WinogradShape& s) {
  constexpr int64_t kCachedFloats = 1024 * 1024, kFewTiles = 32;
  return Winograd<M>::kFrequencies * s.c * s.k > kCachedFloats && tile_grid<M>(s).tiles > kFewTiles;
}

/// A chunk is one block; `together`, in the order of the chunks, make a group.
struct StationaryPlan : WinogradPlan {
  int64_t together;
  int64_t groups() const { return ceil_div(chunks, together); }
};

template <int M>
StationaryPlan stationary_plan(const WinogradShape& s) {
  constexpr int64_t kMostTiles = 128, kGroupFloats = 2 * 1024 * 1024;
  StationaryPlan plan{tile_grid<M>(s), 0};
  plan.block = round_up(ceil_div(plan.tiles, ceil_div(plan.tiles, kMostTiles)), kTileRows);
  plan.blocks = 1;
  plan.chunks = ceil_div(plan.tiles, plan.block);
  plan.panels_per_part = 1;
  plan.k_parts = plan.panels;
  plan.together = std::clamp<int64_t>(kGroupFloats / (Winograd<M>::kFrequencies * plan.in_row * plan.block),
                                      1, plan.chunks);
  return plan;
}

/// Floats between the transformed inputs of two frequencies.
template <int M>
int64_t stationary_stride(const StationaryPlan& plan) {
  return frequency_stride(plan.together * plan.block * plan.in_row);
}

/// Bytes of the transformed inputs of a group.
template <int M>
size_t stationary_bytes(const WinogradShape& s) {
  if (!filter_stationary<M>(s)) return 0;
  return static_cast<size_t>(Winograd<M>::kFrequencies * stationary_stride<M>(stationary_plan<M>(s))) *
         sizeof(float);
}

/// `fetch`: as transform_filter takes it, and `fetch.prefetch(c0, count, panel, width)`. `in`:
/// stationary_bytes of workspace.
template <int M, class Fetch>
void panel_by_panel(const WinogradShape& s, const WinogradOperands& a, float* in, const Fetch& fetch,
                    KernelContext& context) {
  constexpr int kFrequencies = Winograd<M>::kFrequencies;
  const StationaryPlan plan = stationary_plan<M>(s);
  const int64_t in_stride = stationary_stride<M>(plan), out_stride = frequency_stride(plan.block * kPanel),
                filter_stride = frequency_stride(s.c * kPanel);
  const size_t scratch_bytes =
      static_cast<size_t>(kTapFloats + kFrequencies * (filter_stride + out_stride)) * sizeof(float);

  for (int64_t group = 0; group < plan.groups(); ++group) {
    const int64_t first_chunk = group * plan.together,
                  chunks = std::min(plan.together, plan.chunks - first_chunk);
    const int64_t group_first = first_chunk * plan.block,
                  group_tiles = std::min(chunks * plan.block, plan.tiles - group_first);
    for_ranges(context, ceil_div(group_tiles, kTileRows), 1, [&](int64_t begin, int64_t end, int64_t, int) {
      const int64_t first = begin * kTileRows, tiles = std::min(end * kTileRows, group_tiles) - first;
      with_flag(a.in_scale != nullptr, [&](auto affine) {
        transform_input<M, affine.value>(s, a, TileCursor(plan, group_first + first), tiles,
                                         in + first * plan.in_row, plan.in_row, in_stride);
      });
    });

    context.parallel(plan.panels * chunks, [&](int64_t item, int worker) {
      const int64_t panel = item / chunks, chunk = item % chunks, width = panel_width(s.k, panel);
      const int64_t first = chunk * plan.block, tiles = std::min(plan.block, group_tiles - first);
      float* const taps = static_cast<float*>(context.scratch(worker, scratch_bytes));
      float* const filter = taps + kTapFloats;
      float* const out = filter + kFrequencies * filter_stride;
      for (int64_t c0 = 0; c0 < s.c; c0 += kFilterBlock) {
        const int64_t next = c0 + kFilterBlock;
        if (next < s.c) fetch.prefetch(next, std::min(kFilterBlock, s.c - next), panel, width);
        transform_filter<M>(fetch, c0, std::min(kFilterBlock, s.c - c0), panel, width, taps,
                            filter + c0 * width, filter_stride);
      }
      for (int64_t f = 0; f < kFrequencies; ++f)
        product(width, tiles, in + first * plan.in_row + f * in_stride, plan.in_row,
                filter + f * filter_stride, s.c, out + f * out_stride);
      PanelStatistics statistics[kTileVecs] = {};
      transform_output<M>(s, a, TileCursor(plan, group_first + first), tiles, out, width, out_stride,
                          panel * kPanel, a.partial ? statistics : nullptr);
      if (a.partial)
        store_statistics(s, statistics, panel * kPanel, std::min(s.k, (panel + 1) * kPanel),
                         a.partial + (first_chunk + chunk) * 2 * statistics_floats(s.k));
    });
  }
}

// ---------------------------------------------------------------------------------------------------------
// Either order.

/// 0: the filter is read as it is.
template <int M>
size_t winograd_filter_bytes(const WinogradShape& s) {
  return filter_stationary<M>(s) ? 0 : transformed_filter_bytes<M>(s);
}

template <int M>
WinogradPlan winograd_chunks(const WinogradShape& s) {
  return filter_stationary<M>(s) ? stationary_plan<M>(s) : winograd_plan<M>(s);
}

/// Bytes of `partial`.
template <int M>
size_t winograd_statistics_bytes(const WinogradShape& s) {
  return static_cast<size_t>(winograd_chunks<M>(s).chunks * 2 * statistics_floats(s.k)) * sizeof(float);
}

/// `fetch`: as panel_by_panel takes it; `in`: stationary_bytes of workspace. Statistics are then in
/// `partial`, chunk by chunk of winograd_chunks.
template <int M, class Fetch>
void winograd_convolution(const WinogradShape& s, const WinogradOperands& a, float* in, const Fetch& fetch,
                          KernelContext& context) {
  if (filter_stationary<M>(s))
    panel_by_panel<M>(s, a, in, fetch, context);
  else
    block_by_block<M>(s, a, context);
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
