// Parameters of state_pools.cu and state_pools_dgrad.cu, whose blocks have 8 x 8 pixels and 16 channels.
#pragma once

#include "kernels/mixed_state/output_tiles.h"

inline constexpr int kPoolTile = 8, kPoolChannels = 16;
/// A thread a pixel and 4 channels.
inline constexpr int kPoolThreads = kPoolTile * kPoolTile * kPoolChannels / 4;
constexpr int64_t pool_slices(int64_t channels) { return (channels + kPoolChannels - 1) / kPoolChannels; }

struct StatePoolsParameters {
  const float* x;
  float* max;  ///< null: not wanted; likewise the average
  uint8_t* max_tap;
  float* average;
  float* max_partials;  ///< of tile_statistics; null: no statistics
  float* average_partials;
  OutputTiles tiles;
  int64_t h, w, c;
};

/// One term of one edge, whose gradient with respect to its pool (or the identity) is a g + b pool + d.
enum class PoolKind : int32_t { Max, Average, Identity };
struct PoolTerm {
  const float* g;
  const float* coefficients;  ///< [a, b, d][channel]
  PoolKind kind;
};
/// Of one launch; further terms are added by another. 14 edges of a DARTS cell have 42.
inline constexpr int kPoolTerms = 128;

struct StatePoolsDgradParameters {
  const float* max;
  const uint8_t* max_tap;
  const float* average;
  float* dx;
  OutputTiles tiles;  ///< of dx
  int64_t p, q, c;    ///< of the outputs
  int32_t terms;
  bool accumulate;
  bool has_max, has_average;
  PoolTerm term[kPoolTerms];  ///< terms of one edge follow each other
};
