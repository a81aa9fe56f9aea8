// sum[i] = sum over parts of partials[part, i], in one order: slices of every 8th part, then a tree over
// them.
//
// Variants: one. A block takes 32 neighbouring elements. Bytes: 4 count (parts + 1). FLOPs: parts count.
// Roofline: memory.
// Bench: lapidary bench --device cuda --kernel conv2d_wgrad
//        --problem "N=32 H=56 W=56 C=144 K=144 groups=144 R=3 S=3 pad_h=1 pad_w=1"
#include "kernels/conv2d_grouped/sum_partials.h"

extern "C" __global__ void __launch_bounds__(kPartialElements* kPartialSlices)
    sum_partials(const SumPartials p) {
  __shared__ float sums[kPartialSlices][kPartialElements];
  const int64_t element = int64_t{blockIdx.x} * kPartialElements + threadIdx.x;
  float sum = 0;
  if (element < p.count) {
    for (int64_t part = threadIdx.y; part < p.parts; part += kPartialSlices)
      sum += p.partials[part * p.count + element];
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  for (unsigned half = kPartialSlices / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y >= half) continue;
    sum += sums[threadIdx.y + half][threadIdx.x];
    sums[threadIdx.y][threadIdx.x] = sum;
  }
  if (threadIdx.y == 0 && element < p.count) p.sum[element] = sum;
}
