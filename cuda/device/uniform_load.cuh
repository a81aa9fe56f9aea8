// A value that a whole warp needs, read once.
#pragma once

/// *from, for all lanes. All lanes of the warp must call it.
template <class T>
__device__ inline T uniform_load(const T* from) {
  T value{};
  if ((threadIdx.x & 31) == 0) value = *from;
  return __shfl_sync(0xffffffffu, value, 0);
}
