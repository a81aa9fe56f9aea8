// batch_norm_reduce: by channel, the sums over the rows of dz' and dz' xhat, where dz' is dz where the ReLU
// behind the normalisation let its gradient through, and xhat = (x - mean) invstd.
//
// In tiles of columns (kernels/column_tiles.h): threads sum their rows, lines of a block are added in shared
// memory as a tree, chunks of rows in a second launch, which one chunk does not need.
//
// Variants: 4 channels a thread, or 1 where the channels are not whole vectors.
// Bytes: 4 channels (2 rows + p t + 2), where p is 2 parameters (4 with the mask) and t =
// ColumnTiles::threads_by_channel (from cache but for the first); with c > 1 chunks 16 channels c more.
// FLOPs: 5 an element, 7 with the mask. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel batch_norm_reduce
#include "kernels/batch_norm/batch_norm_reduce.h"

#include "device/column_place.cuh"
#include "device/floats.cuh"

namespace {

template <int kWidth>
struct Sums {
  Floats<kWidth> dz, product;
};

template <int kWidth>
__device__ Sums<kWidth> add(Sums<kWidth> a, const Sums<kWidth>& b) {
#pragma unroll
  for (int k = 0; k < kWidth; ++k) a.dz[k] += b.dz[k], a.product[k] += b.product[k];
  return a;
}

template <int kWidth>
__device__ void reduce(const BatchNormReduceParameters& p) {
  constexpr int kBatch = 4;
  __shared__ LineMemory<Sums<kWidth>> memory;
  const ColumnPlace place(p.tiles);
  const int64_t lines = p.tiles.lines, channels = p.tiles.channels;
  const bool masked = p.scale != nullptr;
  Sums<kWidth> sums{};
  if (place.inside) {
    const Floats<kWidth> mean = Floats<kWidth>::load(p.mean + place.channel);
    const Floats<kWidth> invstd = Floats<kWidth>::load(p.invstd + place.channel);
    Floats<kWidth> scale{}, shift = Floats<kWidth>::all(1);  // lets everything through
    if (masked) {
      scale = Floats<kWidth>::load(p.scale + place.channel);
      shift = Floats<kWidth>::load(p.shift + place.channel);
    }
    for (int64_t row = place.row; row < place.end; row += kBatch * lines) {
      Floats<kWidth> dz[kBatch], x[kBatch];
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
        const int64_t at = (row + i * lines) * channels + place.channel;
        if (row + i * lines < place.end)
          dz[i] = Floats<kWidth>::load(p.dz + at), x[i] = Floats<kWidth>::load(p.x + at);
      }
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
        if (row + i * lines >= place.end) break;
#pragma unroll
        for (int k = 0; k < kWidth; ++k) {
          const bool passes = !masked || x[i][k] * scale[k] + shift[k] > 0;
          const float gradient = passes ? dz[i][k] : 0.0f;
          sums.dz[k] += gradient;
          sums.product[k] += gradient * ((x[i][k] - mean[k]) * invstd[k]);
        }
      }
    }
  }
  sums = merge_lines(p.tiles, sums, add<kWidth>, memory);
  if (!place.inside || place.line != 0) return;
  const bool last = p.tiles.chunks == 1;
  float* partial = p.partials + place.chunk * 2 * channels;
  sums.dz.store_global((last ? p.sum_dz : partial) + place.channel);
  sums.product.store_global((last ? p.sum_dz_xhat : partial + channels) + place.channel);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) batch_norm_reduce_4(const BatchNormReduceParameters p) {
  reduce<4>(p);
}
extern "C" __global__ void __launch_bounds__(256) batch_norm_reduce_1(const BatchNormReduceParameters p) {
  reduce<1>(p);
}

extern "C" __global__ void __launch_bounds__(256) batch_norm_sum(const BatchNormSumParameters p) {
  __shared__ LineMemory<Sums<1>> memory;
  const ColumnPlace place(p.tiles);
  Sums<1> sums{};
  if (place.inside) {
#pragma unroll 4
    for (int64_t chunk = place.row; chunk < p.tiles.rows; chunk += p.tiles.lines) {
      const float* partial = p.partials + chunk * 2 * p.tiles.channels + place.channel;
      sums = add(sums, Sums<1>{{partial[0]}, {partial[p.tiles.channels]}});
    }
  }
  sums = merge_lines(p.tiles, sums, add<1>, memory);
  if (!place.inside || place.line != 0) return;
  p.sum_dz[place.channel] = sums.dz[0];
  p.sum_dz_xhat[place.channel] = sums.product[0];
}
