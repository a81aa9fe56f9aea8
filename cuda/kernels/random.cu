// random_fill and dropout: element e takes word e % 4 of Philox block e / 4, so it is a function of its
// position.
//
// Variants: one kernel a distribution, and dropout. A thread makes one Philox block and writes its 4 elements
// by 16-byte accesses; the last thread the rest. Uniforms are placed in [low, high) in double and rounded
// once, so they are the CPU's to the bit; normals are f32 (box_muller.cuh), within a few units in the last
// place of the CPU's, which are of double logarithms and sines. Bytes: fill 4 count; dropout 12 count, and 8
// a warp for the step. FLOPs: 10 rounds of two 32-bit products for 4 elements; normals some 25 an element.
// Roofline: memory (normals: about as much arithmetic). Bench: lapidary bench --device cuda --kernel dropout
// --problem "count=1048576 rate=0.2 seed=1"
#include "kernels/random.h"

#include "device/box_muller.cuh"
#include "device/float4.cuh"
#include "device/philox.cuh"

namespace {

/// y[e] = value of the uniforms of e's block.
template <class Function>
__device__ void fill_blocks(float* y, int64_t count, uint64_t seed, uint64_t stream, Function function) {
  const int64_t first = first_of_four();
  if (first >= count) return;
  const float4 values = function(philox_uniforms(seed, stream, static_cast<uint64_t>(first / 4)));
  if (first + 4 <= count)
    store4(y + first, values);
  else
    store_up_to4(y, first, count, values);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) random_uniform(const RandomUniformParameters p) {
  fill_blocks(p.y, p.count, p.seed, p.stream, [&p](float4 uniforms) {
    return map4(uniforms, [&p](float u) { return fminf(static_cast<float>(p.low + p.span * u), p.top); });
  });
}

extern "C" __global__ void __launch_bounds__(256) random_normal(const RandomNormalParameters p) {
  fill_blocks(p.y, p.count, p.seed, p.stream, [&p](float4 uniforms) {
    return map4(box_muller(uniforms), [&p](float z) { return p.mean + p.deviation * z; });
  });
}

extern "C" __global__ void __launch_bounds__(256) dropout(const DropoutParameters p) {
  const uint64_t high = p.site << 32 | philox_step(p.step);
  const int64_t first = first_of_four();
  if (first >= p.count) return;
  const float4 mask = map4(philox_uniforms(p.seed, high, static_cast<uint64_t>(first / 4)),
                           [&p](float u) { return u >= p.rate ? p.keep : 0; });
  // Not a product alone: what is dropped becomes 0, whatever it was.
  const auto apply = [](float x, float keep) { return keep == 0 ? 0 : x * keep; };
  if (first + 4 <= p.count) {
    store4(p.mask + first, mask);
    store4(p.y + first, map4(load4(p.x + first), mask, apply));
  } else {
    store_up_to4(p.mask, first, p.count, mask);
    store_up_to4(p.y, first, p.count, map4(load_up_to4(p.x, first, p.count), mask, apply));
  }
}
