// Parameters of peak.cu.
#pragma once

#include <cstdint>

struct FmaChainsParameters {
  const float* x;
  const float* factor;
  const float* addend;
  float* y;
  int64_t count, steps;
};

struct StreamReadParameters {
  const float* x;
  float* sums;  ///< pieces x parts
  int64_t count, piece;
  int64_t parts, part;  ///< of a piece, and elements of one: a multiple of 4
};

/// y[j] = the sum of the parts of piece j.
struct StreamSumParameters {
  const float* sums;
  float* y;
  int64_t parts;
};

struct StreamTriadParameters {
  const float* a;
  const float* b;
  const float* factor;
  float* y;
  int64_t count;
};
