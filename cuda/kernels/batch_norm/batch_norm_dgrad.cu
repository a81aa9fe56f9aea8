// batch_norm_dgrad: dx = scale (dz' - sum_dz / rows - xhat sum_dz_xhat / rows) in training, scale dz' in
// evaluation, where dz' is dz where the ReLU behind the normalisation let its gradient through.
//
// In tiles of columns (kernels/column_tiles.h). A thread makes of its channels' parameters
//   slope = -scale invstd sum_dz_xhat / rows and offset = -scale sum_dz / rows, so that
//   dx = scale dz' + slope (x - mean) + offset,
// keeps them in registers and takes its rows 4 at a time, all their loads before the first store.
//
// Variants: 4 channels a thread, or 1 where the channels are not whole vectors.
// Bytes: 4 channels (2 rows + p t), one more row where x is read (in training, or for the mask), where p is 1
// parameter, 4 more in training, 1 more with the mask, and t = ColumnTiles::threads_by_channel (from cache
// but for the first).
// FLOPs: 1 to 6 an element. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel batch_norm_dgrad
#include "kernels/batch_norm/batch_norm_dgrad.h"

#include "device/column_place.cuh"
#include "device/floats.cuh"

namespace {

template <int kWidth>
__device__ void dgrad(const BatchNormDgradParameters& p) {
  constexpr int kBatch = 4;
  const ColumnPlace place(p.tiles);
  if (!place.inside) return;
  const int64_t lines = p.tiles.lines, channels = p.tiles.channels;
  const bool masked = p.shift != nullptr, training = p.mean != nullptr, with_x = masked || training;
  const auto of_channel = [&](const float* values) { return Floats<kWidth>::load(values + place.channel); };
  const Floats<kWidth> scale = of_channel(p.scale);
  Floats<kWidth> shift{}, mean{}, slope{}, offset{};
  if (masked) shift = of_channel(p.shift);
  if (training) {
    mean = of_channel(p.mean), slope = of_channel(p.invstd), offset = of_channel(p.sum_dz);
    const Floats<kWidth> product = of_channel(p.sum_dz_xhat);
    const float rows = static_cast<float>(p.tiles.rows);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      slope[k] *= -scale[k] * product[k] / rows;
      offset[k] *= -scale[k] / rows;
    }
  }
  for (int64_t row = place.row; row < place.end; row += kBatch * lines) {
    Floats<kWidth> dz[kBatch], x[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const int64_t at = (row + i * lines) * channels + place.channel;
      if (row + i * lines < place.end) {
        dz[i] = Floats<kWidth>::load(p.dz + at);
        if (with_x) x[i] = Floats<kWidth>::load(p.x + at);
      }
    }
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      if (row + i * lines >= place.end) break;
      Floats<kWidth> dx;
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const bool passes = !masked || x[i][k] * scale[k] + shift[k] > 0;
        dx[k] = passes ? scale[k] * dz[i][k] : 0.0f;
        if (training) dx[k] += slope[k] * (x[i][k] - mean[k]) + offset[k];
      }
      dx.store_global(p.dx + (row + i * lines) * channels + place.channel);
    }
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) batch_norm_dgrad_4(const BatchNormDgradParameters p) {
  dgrad<4>(p);
}
extern "C" __global__ void __launch_bounds__(256) batch_norm_dgrad_1(const BatchNormDgradParameters p) {
  dgrad<1>(p);
}
