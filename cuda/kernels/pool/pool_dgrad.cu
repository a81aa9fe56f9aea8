// Pooling backward: dx[n,h,w,c] = sum over the windows that contain (h, w) of what dy gives it: max: dy where
// the window's index says (h, w); average: dy over the window's taps.
//
// A gather: nothing is scattered, so overlapping windows need no order between threads.
// Variants: maximum_xV, average_xV   a thread takes one pixel of dx and V = 4 or 1 channels; a block
//                                    (channel vectors, pixels). Overlapping windows come from L1 and L2.
// Bytes: 4 C times: for each pixel the windows over it read (max: twice, with the index), dx written.
// FLOPs: 1 (max) or 2 a window and pixel. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel pool_dgrad
//        --problem "N=32 H=112 W=112 C=64 R=3 S=3 stride_h=2 stride_w=2 kind=max"
#include "device/floats.cuh"
#include "kernels/pool/pool.h"

namespace {

template <int kWidth, bool kMax>
__device__ inline void gather(const PoolBackward& p) {
  const PoolWindows& windows = p.windows;
  const int64_t pixel = int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  const int32_t channel = static_cast<int32_t>((blockIdx.y * blockDim.x + threadIdx.x) * kWidth);
  const int64_t row_number = pixel / windows.columns.ins, image = row_number / windows.rows.ins;
  if (channel >= windows.channels || image >= windows.images) return;
  const int32_t h = static_cast<int32_t>(row_number - image * windows.rows.ins);
  const int32_t w = static_cast<int32_t>(pixel - row_number * windows.columns.ins);
  const int32_t here = h * windows.columns.ins + w;
  const PoolRange rows = windows.rows.windows_over(h), columns = windows.columns.windows_over(w);

  Floats<kWidth> sum = Floats<kWidth>::all(0);
  for (int row = rows.begin; row < rows.end; ++row) {
    for (int column = columns.begin; column < columns.end; ++column) {
      const int64_t out = (image * windows.rows.outs + row) * windows.columns.outs + column;
      const int64_t from = out * windows.channels + channel;
      const auto gradient = Floats<kWidth>::load(p.dy + from);
      if constexpr (kMax) {
        int32_t where[kWidth];
        if constexpr (kWidth == 4) {
          const int4 index = *reinterpret_cast<const int4*>(p.index + from);
          where[0] = index.x, where[1] = index.y, where[2] = index.z, where[3] = index.w;
        } else {
          where[0] = p.index[from];
        }
#pragma unroll
        for (int v = 0; v < kWidth; ++v) sum[v] += where[v] == here ? gradient[v] : 0;
      } else {
        const float share = windows.share(windows.rows.window(row), windows.columns.window(column));
#pragma unroll
        for (int v = 0; v < kWidth; ++v) sum[v] = fmaf(gradient[v], share, sum[v]);
      }
    }
  }
  sum.store_global(p.dx + pixel * windows.channels + channel);
}

}  // namespace

#define LAPIDARY_VARIANT(name, width, max)                                                                  \
  extern "C" __global__ void __launch_bounds__(kPoolThreads) name##_gather_x##width(const PoolBackward p) { \
    gather<width, max>(p);                                                                                  \
  }
LAPIDARY_VARIANT(maximum, 4, true)
LAPIDARY_VARIANT(maximum, 1, true)
LAPIDARY_VARIANT(average, 4, false)
LAPIDARY_VARIANT(average, 1, false)
