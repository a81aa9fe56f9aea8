// Normals from uniforms: Box and Muller, "A note on the generation of random normal deviates" (1958).
#pragma once

/// Two independent standard normals from u0, u1 in [0, 1) with 24 bits: r = sqrt(-2 ln(1 - u0)), (r cos 2 pi
/// u1, r sin 2 pi u1). In f32 throughout: 1 - u0 is exact, and the angle is a multiple of pi, so that nothing
/// is lost in reducing it.
__device__ inline float2 box_muller(float u0, float u1) {
  const float radius = sqrtf(-2 * logf(1 - u0));
  float sine, cosine;
  sincospif(2 * u1, &sine, &cosine);
  return make_float2(radius * cosine, radius * sine);
}

/// Four, from the uniforms of a Philox block: words (0, 1), then (2, 3).
__device__ inline float4 box_muller(float4 uniforms) {
  const float2 first = box_muller(uniforms.x, uniforms.y), second = box_muller(uniforms.z, uniforms.w);
  return make_float4(first.x, first.y, second.x, second.y);
}
