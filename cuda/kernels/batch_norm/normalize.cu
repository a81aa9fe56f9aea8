// normalize: y = act(act_a(a a_scale + a_shift) [+ act_b(b b_scale + b_shift)]) over [rows, channels].
//
// In tiles of columns (kernels/column_tiles.h): a thread keeps its channels' parameters in registers and
// takes its rows 4 at a time, all their loads before the first store.
//
// Variants: 4 channels a thread, or 1 where the channels are not whole vectors.
// Bytes: 4 channels (2 rows + p t), one more row with an addend, where p is the number of parameters (2 for
// each affine operand) and t = ColumnTiles::threads_by_channel (from cache but for the first).
// FLOPs: 2 to 5 an element. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel normalize
#include "kernels/batch_norm/normalize.h"

#include "device/column_place.cuh"
#include "device/floats.cuh"

namespace {

/// What an operand goes through before the sum.
template <int kWidth>
struct Affine {
  Floats<kWidth> scale, shift;
  bool affine, relu;

  __device__ Affine(const float* scales, const float* shifts, bool with_relu, int64_t channel)
      : scale{}, shift{}, affine(scales != nullptr), relu(with_relu) {
    if (!affine) return;
    scale = Floats<kWidth>::load(scales + channel);
    shift = Floats<kWidth>::load(shifts + channel);
  }
  __device__ float operator()(float x, int k) const {
    if (affine) x = x * scale[k] + shift[k];
    return relu && x < 0 ? 0.0f : x;  // lets NaN through
  }
};

template <int kWidth>
__device__ void normalize(const NormalizeParameters& p) {
  constexpr int kBatch = 4;
  const ColumnPlace place(p.tiles);
  if (!place.inside) return;
  const int64_t lines = p.tiles.lines, channels = p.tiles.channels;
  const bool addend = p.b != nullptr;
  const Affine<kWidth> of_a(p.a_scale, p.a_shift, p.a_relu, place.channel);
  const Affine<kWidth> of_b(p.b_scale, p.b_shift, p.b_relu, place.channel);
  for (int64_t row = place.row; row < place.end; row += kBatch * lines) {
    Floats<kWidth> a[kBatch], b[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const int64_t at = (row + i * lines) * channels + place.channel;
      if (row + i * lines < place.end) {
        a[i] = Floats<kWidth>::load(p.a + at);
        if (addend) b[i] = Floats<kWidth>::load(p.b + at);
      }
    }
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      if (row + i * lines >= place.end) break;
      Floats<kWidth> y;
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        float z = of_a(a[i][k], k);
        if (addend) z += of_b(b[i][k], k);
        y[k] = p.relu && z < 0 ? 0.0f : z;
      }
      y.store_global(p.y + (row + i * lines) * channels + place.channel);
    }
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) normalize_4(const NormalizeParameters p) {
  normalize<4>(p);
}
extern "C" __global__ void __launch_bounds__(256) normalize_1(const NormalizeParameters p) {
  normalize<1>(p);
}
