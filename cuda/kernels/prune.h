// Parameters of prune.cu.
#pragma once

#include "device/tensor_table.h"

struct ChannelScoresParameters {
  const float* filter;
  float* score;
  int64_t channels, weights;  ///< weights: a channel
  bool squared;               ///< l2, else l1
};

inline constexpr int kMostBins = 2048;

/// The bins of the longest digit, and what selection has found out so far.
struct RadixSelection {
  unsigned long long counts[kMostBins];
  int64_t below;       ///< weights below those that begin with `bits`
  uint32_t bits;       ///< the digits found of the magnitude at `rank`
  uint32_t unordered;  ///< not 0: there are NaNs
};

struct CountDigitParameters {
  TensorTable<1> weights;
  RadixSelection* selection;
  int64_t piece;              ///< elements of a chunk
  unsigned long long* fault;  ///< the place of the first NaN among all weights; null but for the first digit
  int32_t shift, digit_bits;
};

struct ChooseDigitParameters {
  RadixSelection* selection;
  int64_t rank;  ///< from 1; 0 chooses 0
  int32_t digit_bits;
};

struct CountTiesParameters {
  TensorTable<1> weights;
  const RadixSelection* selection;
  int32_t* ties;
  int64_t piece;  ///< elements of a chunk, and of the joined tensors whose ties are counted together
};

struct ShareTiesParameters {
  const RadixSelection* selection;
  int64_t rank;
  int32_t* ties;
  int64_t pieces;
  float* threshold;
};

struct PruneMaskParameters {
  TensorTable<2> tensors;  ///< weights, masks
  const float* threshold;
  const int32_t* ties;
  int64_t piece, first_piece;  ///< that of the first block
  /// Ties that launches before took of the piece in which this one begins, and what it leaves to the next.
  /// Null: it begins (ends) with a piece.
  const int32_t* taken;
  int32_t* taken_after;
};
