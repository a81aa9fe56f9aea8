// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011): counter-based bits, uniforms and normals by Box and
// Muller.
//
// Proves mul.hi and mul.wide, conversion of unsigned to float, and logf, sqrtf and sincospif.
#include <cuda_runtime.h>

namespace {

__device__ uint4 philox(uint4 counter, uint2 key) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
    const unsigned high1 = __umulhi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
    counter = make_uint4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
    key.x += 0x9E3779B9u;
    key.y += 0xBB67AE85u;
  }
  return counter;
}

}  // namespace

extern "C" __global__ void bits(uint4* out, int count, uint4 start, uint2 key) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= static_cast<unsigned>(count)) return;
  start.x += i;
  start.y += start.x < i;
  out[i] = philox(start, key);
}

// From uniforms in (0, 1], the middles of 2^24 intervals.
extern "C" __global__ void normals(float2* out, int count, uint4 start, uint2 key) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= static_cast<unsigned>(count)) return;
  start.z = i;
  const uint4 random = philox(start, key);
  const float u = (static_cast<float>(random.x >> 8) + 0.5f) * 0x1p-24f;
  const float v = (static_cast<float>(random.y >> 8) + 0.5f) * 0x1p-24f;
  const float radius = sqrtf(-2.0f * logf(u));
  float sine, cosine;
  sincospif(2.0f * v, &sine, &cosine);
  out[i] = make_float2(radius * cosine, radius * sine);
}
