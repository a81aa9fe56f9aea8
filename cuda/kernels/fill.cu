// fill: y[i] = value.
//
// Variants: one. A thread writes 4 neighbouring elements by one 16-byte store; the last thread the rest.
// Bytes: 4 count written. FLOPs: none. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel fill
#include "kernels/fill.h"

extern "C" __global__ void __launch_bounds__(256) fill(const FillParameters p) {
  const int64_t first = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * 4;
  if (first + 4 <= p.count) {
    *reinterpret_cast<float4*>(p.y + first) = make_float4(p.value, p.value, p.value, p.value);
  } else {
    for (int64_t i = first; i < p.count; ++i) p.y[i] = p.value;
  }
}
