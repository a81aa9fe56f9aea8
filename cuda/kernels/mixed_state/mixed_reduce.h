// Parameters of mixed_reduce.cu.
#pragma once

#include "kernels/mixed_state/channel_panels.h"
#include "kernels/mixed_state/mixed_sum.h"

/// Terms whose sums a thread holds; their g is read once.
inline constexpr int kReduceTerms = 8;

/// The chunks of rows that blocks add up: at most 256, of at least 16 rows a thread.
struct ReduceChunks {
  int64_t rows, count;
  constexpr explicit ReduceChunks(const ChannelPanels& panels) {
    const int64_t lanes = panels.row_lanes, share = (panels.rows + 255) / 256;
    rows = (share + lanes - 1) / lanes * lanes;
    if (rows < 16 * lanes) rows = 16 * lanes;
    count = panels.row_blocks(rows);
  }
};
constexpr int64_t reduce_groups(int64_t terms) { return (terms + kReduceTerms - 1) / kReduceTerms; }

struct MixedReduceParameters {
  const float* weights;
  const float* g;
  float* dweights;
  /// [chunk][group of terms][sum g (x - mean) of each, sum g][channel]
  float* partials;
  int64_t rows, channels;
  float eps;
  int32_t terms;
  bool training;
  MixedTerm term[kMixedTerms];
  float* coefficients[kMixedTerms];
};
