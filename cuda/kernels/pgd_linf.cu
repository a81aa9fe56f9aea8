// Projected gradient descent in the l_inf ball: the random start and one step.
//   start: y = clamp(x + u, low, high), u uniform in [-epsilon, epsilon), from Philox
//   step:  y = clamp(min(max(x_adv + step sign(g), x - epsilon), x + epsilon), low, high)
//
// Variants: one each. A thread takes 4 neighbouring elements by 16-byte accesses. start: blocks belong to one
// sample, whose Philox block a thread makes; where features are no multiple of 4, samples do not begin at 16
// bytes and the accesses are single. step: over the flat batch.
// Bytes: start 8 an element, and 12 a warp for sample and step; step 16 an element. FLOPs: 5 an element and
// 20 32-bit products in 4; 8 an element. Roofline: memory. Bench: lapidary bench --device cuda --kernel
// pgd_step --problem "samples=128 features=3072 step=0.0078
//        epsilon=0.031"
#include "kernels/pgd_linf.h"

#include "device/clamp.cuh"
#include "device/float4.cuh"
#include "device/philox.cuh"

extern "C" __global__ void __launch_bounds__(256) pgd_linf_start(const PgdLinfStartParameters p) {
  const unsigned sample = blockIdx.x / p.pieces, piece = blockIdx.x % p.pieces;
  const auto index = static_cast<uint32_t>(uniform_load(p.sample_index + sample));
  const uint64_t high = p.site << 32 | index, low = uint64_t{philox_step(p.step)} << 32;
  const int64_t block = int64_t{piece} * blockDim.x + threadIdx.x, first = 4 * block;
  if (first >= p.features) return;
  const float4 uniforms = philox_uniforms(p.seed, high, low | static_cast<uint64_t>(block));
  const auto move = [&p](float x, float uniform) {
    return clamp(x + p.epsilon * (2 * uniform - 1), p.low, p.high);
  };
  const float* x = p.x + int64_t{sample} * p.features;
  float* y = p.y + int64_t{sample} * p.features;
  if (p.features % 4 == 0)
    store4(y + first, map4(load4(x + first), uniforms, move));
  else
    store_up_to4(y, first, p.features, map4(load_up_to4(x, first, p.features), uniforms, move));
}

extern "C" __global__ void __launch_bounds__(256) pgd_linf_step(const PgdLinfStepParameters p) {
  const auto move = [&p](float x_adv, float g, float x) {
    const float moved = x_adv + (g > 0 ? p.step : g < 0 ? -p.step : 0);
    return clamp(clamp(moved, x - p.epsilon, x + p.epsilon), p.low, p.high);
  };
  const int64_t first = first_of_four();
  if (first + 4 <= p.count) {
    const float4 a = load4(p.x_adv + first), g = load4(p.gradient + first), x = load4(p.x + first);
    store4(p.y + first,
           make_float4(move(a.x, g.x, x.x), move(a.y, g.y, x.y), move(a.z, g.z, x.z), move(a.w, g.w, x.w)));
  } else {
    for (int64_t i = first; i < p.count; ++i) p.y[i] = move(p.x_adv[i], p.gradient[i], p.x[i]);
  }
}
