// Parameters of fill.cu.
#pragma once

#include <cstdint>

struct FillParameters {
  float* y;
  int64_t count;
  float value;
};
