// Parameters of binary.cu.
#pragma once

#include <cstdint>

#include "device/strided_pair.h"

struct BinaryFlatParameters {
  const float* a;
  const float* b;
  float* y;
  int64_t count;
  bool a_repeats, b_repeats;  ///< one value for all
};

struct BinaryStridedParameters {
  const float* a;
  const float* b;
  float* y;
  int64_t count;        ///< of elements, or of vectors of 4
  StridedPair strides;  ///< of a and b, in elements; the innermost extent in vectors where they are read
  bool a_repeats, b_repeats;  ///< vectors: one value for all 4
};

inline constexpr int kBinaryStridedElements = 4;  ///< a thread's
