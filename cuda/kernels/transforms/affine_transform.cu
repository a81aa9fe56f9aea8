// The affine map of transform_images: each pixel comes from where the inverse map says, zero outside.
//
// Variants: one. A block takes 256 pixels, a thread all channels of one. Places are computed in f64, as a
// nearest neighbour hangs on their last bits.
//
// Bytes at most: four input values and 4 bytes written a value, 40 a block. FLOPs: 12 in f64 a pixel, 9 a
// value. Roofline: memory, or f64 on GPUs that have little of it.
//
// Bench: lapidary bench --device cuda --kernel transform_images
#include "kernels/transforms/affine_transform.h"

#include "data/transform_weights.h"

namespace data = lapidary::data;

extern "C" __global__ void __launch_bounds__(256) affine(const AffineParameters p) {
  __shared__ double inverse[6];
  __shared__ int64_t block_start;
  __shared__ bool block_applied;
  const int64_t n = blockIdx.x / p.tiles;
  const int32_t h = p.x.h, w = p.x.w, c = p.x.c;
  if (threadIdx.x == 0) {
    const float* given = p.parameters.of(n);
    block_start = p.x.start_of(n);
    block_applied = given[0] != 0;
    if (block_applied) {
      const data::InverseAffine map({1, given[1], given[2], given[3], given[4], given[5], given[6], 0}, h, w);
      inverse[0] = map.xx, inverse[1] = map.xy, inverse[2] = map.x0;
      inverse[3] = map.yx, inverse[4] = map.yy, inverse[5] = map.y0;
    }
  }
  __syncthreads();
  const int64_t pixel = int64_t{blockIdx.x % p.tiles} * 256 + threadIdx.x;
  if (pixel >= int64_t{h} * w) return;
  const int64_t start = block_start;
  float* y = p.y + (n * h * w + pixel) * c;
  if (!block_applied) {
    for (int32_t channel = 0; channel < c; ++channel) y[channel] = p.x.value(start + pixel * c + channel);
    return;
  }
  const auto row = static_cast<int32_t>(pixel / w), column = static_cast<int32_t>(pixel % w);
  double from_x = inverse[0] * column + inverse[1] * row + inverse[2];
  double from_y = inverse[3] * column + inverse[4] * row + inverse[5];
  if (p.nearest) from_x = nearbyint(from_x), from_y = nearbyint(from_y);
  if (!(from_x > -1 && from_x < w && from_y > -1 && from_y < h)) {
    for (int32_t channel = 0; channel < c; ++channel) y[channel] = 0;
    return;
  }
  const double floor_x = floor(from_x), floor_y = floor(from_y);
  const auto left = static_cast<int32_t>(floor_x), top = static_cast<int32_t>(floor_y);
  const auto right_share = static_cast<float>(from_x - floor_x),
             lower_share = static_cast<float>(from_y - floor_y);
  for (int32_t channel = 0; channel < c; ++channel) {
    const auto value = [&](int32_t r, int32_t s) {
      return r >= 0 && r < h && s >= 0 && s < w ? p.x.value(start + (int64_t{r} * w + s) * c + channel)
                                                : 0.0f;
    };
    const float upper = value(top, left) * (1 - right_share) + value(top, left + 1) * right_share;
    const float lower = value(top + 1, left) * (1 - right_share) + value(top + 1, left + 1) * right_share;
    y[channel] = upper * (1 - lower_share) + lower * lower_share;
  }
}
