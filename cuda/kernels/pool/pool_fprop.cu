// Max and average pooling: y[n,p,q,c] over the valid part of a window of x; max: also where it was found.
//
// Variants: maximum_xV, average_xV   a thread takes one output pixel and V = 4 or 1 channels; a block
//                                (channel vectors, pixels). Overlapping windows come from L1 and L2.
//           average_split_xV     large windows of few outputs: a block's slices take every 8th row each of
//                                one window, then a tree over them in shared memory.
// Rows are summed on their own first, so that a long sum stays accurate. The first of equals is the largest,
// and NaN wins.
// Bytes: 4 C times: the valid taps of all windows read, y written (max: twice, with the index).
// FLOPs: R S an output. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel pool_fprop
//        --problem "N=32 H=112 W=112 C=64 R=3 S=3 stride_h=2 stride_w=2 kind=max"
#include "device/floats.cuh"
#include "kernels/pool/pool.h"

namespace {

/// The output pixel and the first channel of a thread.
struct Place {
  int64_t pixel, image;
  int32_t row, column, channel;
  bool exists;

  __device__ Place(const PoolWindows& p, int64_t number, int width) : pixel(number) {
    channel = static_cast<int32_t>((blockIdx.y * blockDim.x + threadIdx.x) * width);
    const int64_t row_number = pixel / p.columns.outs;
    column = static_cast<int32_t>(pixel - row_number * p.columns.outs);
    image = row_number / p.rows.outs;
    row = static_cast<int32_t>(row_number - image * p.rows.outs);
    exists = channel < p.channels && image < p.images;
  }
};

template <int kWidth>
__device__ inline Floats<kWidth> sum_of_row(const PoolForward& p, const Place& at, int row, PoolRange taps) {
  const PoolWindows& windows = p.windows;
  const float* const x =
      p.x + (at.image * windows.rows.ins + row) * windows.columns.ins * windows.channels + at.channel;
  Floats<kWidth> sum = Floats<kWidth>::all(0);
  for (int column = taps.begin; column < taps.end; ++column)
    accumulate(sum, Floats<kWidth>::load(x + int64_t{column} * windows.channels));
  return sum;
}

template <int kWidth>
__device__ inline void store_average(const PoolForward& p, const Place& at, Floats<kWidth> sum,
                                     PoolRange rows, PoolRange columns) {
  const float share = p.windows.share(rows, columns);
#pragma unroll
  for (int v = 0; v < kWidth; ++v) sum[v] *= share;
  sum.store_global(p.y + at.pixel * p.windows.channels + at.channel);
}

template <int kWidth>
__device__ inline void average(const PoolForward& p) {
  const Place at(p.windows, int64_t{blockIdx.x} * blockDim.y + threadIdx.y, kWidth);
  if (!at.exists) return;
  const PoolRange rows = p.windows.rows.window(at.row), columns = p.windows.columns.window(at.column);
  Floats<kWidth> sum = Floats<kWidth>::all(0);
  for (int row = rows.begin; row < rows.end; ++row) accumulate(sum, sum_of_row<kWidth>(p, at, row, columns));
  store_average(p, at, sum, rows, columns);
}

template <int kWidth>
__device__ inline void average_split(const PoolForward& p) {
  extern __shared__ float4 shared[];
  const Place at(p.windows, blockIdx.x, kWidth);
  const PoolRange rows = p.windows.rows.window(at.row), columns = p.windows.columns.window(at.column);
  Floats<kWidth> sum = Floats<kWidth>::all(0);
  if (at.exists) {
    for (int row = rows.begin + static_cast<int>(threadIdx.y); row < rows.end; row += kPoolSlices)
      accumulate(sum, sum_of_row<kWidth>(p, at, row, columns));
  }
  float* const own = reinterpret_cast<float*>(shared) + (threadIdx.y * blockDim.x + threadIdx.x) * kWidth;
  sum.store(own);
  for (unsigned half = kPoolSlices / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y >= half) continue;
    accumulate(sum, Floats<kWidth>::load(own + half * blockDim.x * kWidth));
    sum.store(own);
  }
  if (threadIdx.y == 0 && at.exists) store_average(p, at, sum, rows, columns);
}

template <int kWidth>
__device__ inline void maximum(const PoolForward& p) {
  const PoolWindows& windows = p.windows;
  const Place at(windows, int64_t{blockIdx.x} * blockDim.y + threadIdx.y, kWidth);
  if (!at.exists) return;
  const PoolRange rows = windows.rows.window(at.row), columns = windows.columns.window(at.column);
  const float* const x =
      p.x + at.image * windows.rows.ins * windows.columns.ins * windows.channels + at.channel;
  Floats<kWidth> best;
  int32_t where[kWidth];
#pragma unroll
  for (int v = 0; v < kWidth; ++v) {
    best[v] = -INFINITY;
    where[v] = rows.begin * windows.columns.ins + columns.begin;
  }
  for (int row = rows.begin; row < rows.end; ++row) {
    for (int column = columns.begin; column < columns.end; ++column) {
      const int32_t here = row * windows.columns.ins + column;
      const auto values = Floats<kWidth>::load(x + int64_t{here} * windows.channels);
#pragma unroll
      for (int v = 0; v < kWidth; ++v) {
        const bool wins = values[v] > best[v] || (isnan(values[v]) && !isnan(best[v]));
        if (wins) best[v] = values[v], where[v] = here;
      }
    }
  }
  const int64_t to = at.pixel * windows.channels + at.channel;
  best.store_global(p.y + to);
  if constexpr (kWidth == 4)
    *reinterpret_cast<int4*>(p.index + to) = make_int4(where[0], where[1], where[2], where[3]);
  else
    p.index[to] = where[0];
}

}  // namespace

#define LAPIDARY_VARIANT(name, width)                                                               \
  extern "C" __global__ void __launch_bounds__(kPoolThreads) name##_x##width(const PoolForward p) { \
    name<width>(p);                                                                                 \
  }
LAPIDARY_VARIANT(maximum, 4)
LAPIDARY_VARIANT(maximum, 1)
LAPIDARY_VARIANT(average, 4)
LAPIDARY_VARIANT(average, 1)
LAPIDARY_VARIANT(average_split, 4)
LAPIDARY_VARIANT(average_split, 1)
