// Parameters of pgd_l2.cu.
#pragma once

#include <cstdint>

#include "core/step_block.h"

// A block holds a chunk of a sample in registers.
inline constexpr int kPgdBlock = 512, kPgdQuads = 2;  ///< threads, and fours of elements of each
inline constexpr int64_t kPgdChunk = 4 * kPgdBlock * kPgdQuads;

struct PgdL2StartParameters {
  const float* x;
  const int32_t* sample_index;
  float* y;
  double* squares;  ///< of samples x chunks, where a sample has several
  float* factor;    ///< of each sample likewise
  int64_t features;
  uint32_t chunks;
  float epsilon, low, high;
  uint64_t seed, site;
  const lapidary::StepBlock* step;
};

/// Sums over a sample, with from = x_adv - x.
struct PgdL2Products {
  double gradient, from, both;  ///< g . g, from . from, from . g
};

/// y = clamp(x + project (from + move g)).
struct PgdL2Factors {
  double move;
  float project;
};

struct PgdL2StepParameters {
  const float* x_adv;
  const float* gradient;
  const float* x;
  float* y;
  PgdL2Products* products;  ///< of samples x chunks, where a sample has several
  PgdL2Factors* factors;    ///< of each sample likewise
  int64_t features;
  uint32_t chunks;
  float step, epsilon, low, high;
};
