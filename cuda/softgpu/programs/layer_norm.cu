// Layer normalisation of rows in one pass: Welford's mean and squared deviation, merged over lanes and warps
// (Chan, Golub, LeVeque 1979); values come and go as float4.
//
// Proves vector loads and stores, structs through shuffles, sqrt and division rounded correctly.
#include <cuda_runtime.h>

namespace {

struct Moments {
  float count, mean, squares;
};

__device__ Moments merge(Moments a, Moments b) {
  const float count = a.count + b.count;
  if (count == 0) return a;
  const float delta = b.mean - a.mean, share = b.count / count;
  return {count, a.mean + delta * share, a.squares + b.squares + delta * delta * a.count * share};
}

__device__ Moments shuffled(Moments a, int offset) {
  return {__shfl_xor_sync(0xffffffffu, a.count, offset), __shfl_xor_sync(0xffffffffu, a.mean, offset),
          __shfl_xor_sync(0xffffffffu, a.squares, offset)};
}

}  // namespace

extern "C" __global__ void layer_norm(const float4* x, const float4* scale, const float4* shift, float4* y,
                                      int quads, float epsilon) {
  __shared__ Moments parts[8];
  x += static_cast<size_t>(blockIdx.x) * quads;
  y += static_cast<size_t>(blockIdx.x) * quads;
  Moments total{0, 0, 0};
  for (int i = threadIdx.x; i < quads; i += blockDim.x) {
    const float4 v = x[i];
    total = merge(total, {1, v.x, 0});
    total = merge(total, {1, v.y, 0});
    total = merge(total, {1, v.z, 0});
    total = merge(total, {1, v.w, 0});
  }
  for (int offset = 16; offset > 0; offset /= 2) total = merge(total, shuffled(total, offset));
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = total;
  __syncthreads();
  total = parts[0];
  for (unsigned i = 1; i < blockDim.x / 32; ++i) total = merge(total, parts[i]);
  const float inverse = 1.0f / sqrtf(total.squares / total.count + epsilon);
  for (int i = threadIdx.x; i < quads; i += blockDim.x) {
    const float4 v = x[i], a = __ldg(scale + i), b = __ldg(shift + i);
    y[i] = make_float4((v.x - total.mean) * inverse * a.x + b.x, (v.y - total.mean) * inverse * a.y + b.y,
                       (v.z - total.mean) * inverse * a.z + b.z, (v.w - total.mean) * inverse * a.w + b.w);
  }
}
