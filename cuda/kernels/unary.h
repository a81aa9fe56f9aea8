// Parameters of unary.cu.
#pragma once

#include <cstdint>

struct UnaryForwardParameters {
  const float* x;
  float* y;
  int64_t count;
  float p0, p1;
};

struct UnaryBackwardParameters {
  const float* saved;
  const float* dy;
  float* dx;
  int64_t count;
  float p0, p1;
};
