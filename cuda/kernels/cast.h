// Parameters of cast.cu.
#pragma once

#include <cstdint>

template <class From, class To>
struct CastParameters {
  const From* x;
  To* y;
  int64_t count;
};
