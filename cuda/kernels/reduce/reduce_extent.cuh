// How threads go over the extent of [outer, extent, inner], for a Total that says what is made of the values:
//
//   struct Total {
//     static constexpr bool kPositions;                                whether positions matter
//     static Total none(const ReduceOperands&);
//     void add(const float (&x)[n], const uint32_t (&positions)[n], int count, const ReduceOperands&);
//     void merge(const Total&, const ReduceOperands&);                 in any order
//     void finish(const ReduceOperands&, int64_t at) const;
//   };
#pragma once

#include "device/column_place.cuh"
#include "device/floats.cuh"
#include "device/warp_reduce.cuh"
#include "kernels/reduce/reduce.h"

namespace reduce_extent {

/// Loads of a thread that are under way together.
template <int kWidth>
constexpr int kBatch = kWidth == 4 ? 4 : 8;

/// Equal, where NaN equals NaN.
__device__ inline bool equal(float a, float b) {
  return (a == b) | ((a != a) & (b != b));  // no branches
}

/// Values `step` elements apart, `positions_step` positions apart; kWidth neighbouring ones at once, whose
/// positions are 1 apart if they are of one output.
struct Stretch {
  int64_t first, step, count;
  uint32_t position, positions_step, lanes_step;
};

/// totals[k] takes lane k of all values.
template <class Total, int kWidth>
__device__ void take(const ReduceOperands& p, const Stretch& of, const Floats<kWidth>& tied_to,
                     Total (&totals)[kWidth]) {
  constexpr int kBatch = reduce_extent::kBatch<kWidth>;
  uint32_t position = of.position;
  int64_t at = of.first;
  for (int64_t left = of.count; left > 0; left -= kBatch) {
    const int count = static_cast<int>(min(left, int64_t{kBatch}));
    Floats<kWidth> x[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (i < count) x[i] = Floats<kWidth>::load(p.x + at + i * of.step);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      float values[kBatch];
      uint32_t positions[kBatch];
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
        if (i >= count) break;
        values[i] = p.tied_to ? (equal(x[i][k], tied_to[k]) ? 1.0f : 0.0f) : x[i][k];
        positions[i] = position + i * of.positions_step + k * of.lanes_step;
        if (Total::kPositions && p.positions) positions[i] = p.positions[at + i * of.step + k];
      }
      totals[k].add(values, positions, count, p);
    }
    at += kBatch * of.step, position += kBatch * of.positions_step;
  }
}

template <class Total, int kWidth>
__device__ void rows(const ReduceRowsParameters& p) {
  const unsigned lanes = p.lanes, lane = threadIdx.x % lanes;
  const int64_t row = int64_t{blockIdx.x} * (ReduceRowsParameters::kThreads / lanes) + threadIdx.x / lanes;
  Total totals[kWidth];
#pragma unroll
  for (Total& total : totals) total = Total::none(p.operands);
  const int64_t vectors = p.extent / kWidth;
  if (row < p.rows && lane < vectors) {
    const Stretch mine{row * p.extent + lane * kWidth,
                       lanes * kWidth,
                       (vectors - lane + lanes - 1) / lanes,
                       lane * kWidth,
                       lanes * kWidth,
                       1};
    const float tied_to = p.operands.tied_to ? p.operands.tied_to[row] : 0.0f;
    take(p.operands, mine, Floats<kWidth>::all(tied_to), totals);
  }
#pragma unroll
  for (int k = 1; k < kWidth; ++k) totals[0].merge(totals[k], p.operands);
  const auto merged = [&](Total a, const Total& b) {
    a.merge(b, p.operands);
    return a;
  };
  totals[0] = warp_reduce(totals[0], merged, lanes);
  if (row < p.rows && lane == 0) totals[0].finish(p.operands, row);
}

template <class Total>
__device__ void outputs(const ReduceOutputsParameters& p) {
  const int64_t at = int64_t{blockIdx.x} * ReduceOutputsParameters::kThreads + threadIdx.x;
  if (at >= p.outputs) return;
  const int64_t outer = at / p.inner;
  Total total[1] = {Total::none(p.operands)};
  const Floats<1> tied_to = {p.operands.tied_to ? p.operands.tied_to[at] : 0.0f};
  take(p.operands, {outer * (p.extent - 1) * p.inner + at, p.inner, p.extent, 0, 1, 0}, tied_to, total);
  total[0].finish(p.operands, at);
}

template <class Total, int kWidth>
__device__ void columns(const ReduceColumnsParameters& p) {
  struct Totals {
    Total lane[kWidth];
  };
  __shared__ LineMemory<Totals> memory;
  const ColumnTiles& tiles = p.tiles;
  const unsigned blocks = static_cast<unsigned>(tiles.blocks());
  const int64_t outer = blockIdx.x / blocks;
  const ColumnPlace place(tiles, blockIdx.x % blocks);
  Totals totals;
#pragma unroll
  for (Total& total : totals.lane) total = Total::none(p.operands);
  if (place.inside) {
    const uint32_t spread = p.operands.spread,
                   channel = spread > 1 ? static_cast<uint32_t>(place.channel) : 0;
    const Stretch mine{(outer * tiles.rows + place.row) * tiles.channels + place.channel,
                       tiles.lines * tiles.channels,
                       (place.end - place.row + tiles.lines - 1) / tiles.lines,
                       static_cast<uint32_t>(place.row) * spread + channel,
                       tiles.lines * spread,
                       spread > 1};
    // Lanes that lie inside of the extent are of one output.
    const Floats<kWidth> tied_to =
        !p.operands.tied_to ? Floats<kWidth>{}
        : spread > 1        ? Floats<kWidth>::all(p.operands.tied_to[outer])
                     : Floats<kWidth>::load(p.operands.tied_to + outer * tiles.channels + place.channel);
    take(p.operands, mine, tied_to, totals.lane);
  }
  const auto merged = [&](Totals a, const Totals& b) {
#pragma unroll
    for (int k = 0; k < kWidth; ++k) a.lane[k].merge(b.lane[k], p.operands);
    return a;
  };
  totals = merge_lines(tiles, totals, merged, memory);
  if (!place.inside || place.line != 0) return;
  const int64_t at = (outer * tiles.chunks + place.chunk) * tiles.channels + place.channel;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) totals.lane[k].finish(p.operands, at + k);
}

}  // namespace reduce_extent
