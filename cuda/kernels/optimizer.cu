// Multi-tensor optimiser kernels: sgd, adam, lerp, norm2, clip_norm (formulas: native/ops/optimizer.h).
//
// Variants: one each. A block of 256 threads takes a chunk of 4,096 elements of one tensor, which it finds in
// the table among the kernel's parameters; a thread takes 4 neighbouring elements by 16-byte accesses (a
// mask's by 4). One launch takes 77 (adam), 91 (sgd), 143 (lerp) or 200 tensors, the next one the next. What
// depends on the step is read from the step block by one thread of a block, so a recorded launch replays with
// new rates. norm2 adds squares in a fixed order: 16 elements a thread, then the threads of a chunk in f32,
// then the chunks by one block in f64.
//
// Bytes, n elements in k chunks: sgd 12 n + 4 k, with momenta 20 n + 4 k; adam 28 n + 12 k; masks n more;
// lerp 12 n + 4 k; norm2 4 n + 8 k + 4; clip_norm 8 n + 4 k, within the limit 4 k.
//
// FLOPs an element: sgd 2 to 6, adam 15 with a root and two quotients, lerp 3, norm2 2, clip_norm 1.
//
// Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel sgd (adam, lerp, norm2, clip_norm)
#include "kernels/optimizer.h"

#include "device/block_reduce.cuh"
#include "device/quad.cuh"

namespace {

/// body(i) for the quads of the chunk that begin at i, a thread after the other.
template <class Body>
__device__ inline void for_quads(const TensorRange& chunk, Body&& body) {
  for (int64_t i = chunk.first + 4 * int64_t{threadIdx.x}; i < chunk.last; i += 4 * kChunkThreads) body(i);
}

template <class T>
__device__ inline Quad<T> load_quad(const T* x, int64_t i, const TensorRange& chunk) {
  return ::load_quad(x, i, chunk.first, chunk.last);
}
template <class T>
__device__ inline void store_quad(T* x, int64_t i, const TensorRange& chunk, const Quad<T>& quad) {
  ::store_quad(x, i, chunk.first, chunk.last, quad);
}

/// Which of four elements a mask keeps; all without one.
__device__ inline Quad<uint8_t> load_mask(bool masked, const uint8_t* mask, int64_t i,
                                          const TensorRange& chunk) {
  return masked ? load_quad(mask, i, chunk) : Quad<uint8_t>{1, 1, 1, 1};
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kChunkThreads) sgd(const SgdParameters p) {
  __shared__ float block_rate;
  if (threadIdx.x == 0) block_rate = p.step->scalars[p.rate_slot] * p.rate_factor;
  __syncthreads();
  const float rate = block_rate;
  const TensorRange chunk = chunk_of_block(p.tensors);
  float* weights = p.tensors.list<float>(0, chunk.tensor);
  const float* gradients = p.tensors.list<const float>(1, chunk.tensor);
  float* momenta = p.tensors.list<float>(2, chunk.tensor);
  const uint8_t* mask = p.tensors.list<const uint8_t>(3, chunk.tensor);
  for_quads(chunk, [&](int64_t i) {
    Quad<float> weight = load_quad(weights, i, chunk), step = load_quad(gradients, i, chunk);
    const Quad<uint8_t> kept = load_mask(p.masked, mask, i, chunk);
#pragma unroll
    for (int e = 0; e < 4; ++e) step[e] += p.decay * weight[e];
    if (p.moving) {
      Quad<float> moment = load_quad(momenta, i, chunk);
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        moment[e] = p.momentum * moment[e] + step[e];
        step[e] = p.nesterov ? step[e] + p.momentum * moment[e] : moment[e];
        if (!kept[e]) moment[e] = 0;
      }
      store_quad(momenta, i, chunk, moment);
    }
#pragma unroll
    for (int e = 0; e < 4; ++e) weight[e] = kept[e] ? weight[e] - rate * step[e] : 0;
    store_quad(weights, i, chunk, weight);
  });
}

extern "C" __global__ void __launch_bounds__(kChunkThreads) adam(const AdamParameters p) {
  __shared__ float block_step, block_root, block_shrink;
  if (threadIdx.x == 0) {
    const float rate = p.step->scalars[p.rate_slot] * p.rate_factor;
    block_step = rate * p.step->scalars[p.first_slot];
    block_root = p.step->scalars[p.second_slot];
    block_shrink = p.decoupled ? 1 - rate * p.decay : 1.0f;
  }
  __syncthreads();
  const float step = block_step, root = block_root, shrink = block_shrink;
  // Either the weight shrinks or the gradient grows.
  const float decay = p.decoupled ? 0.0f : p.decay;
  const TensorRange chunk = chunk_of_block(p.tensors);
  float* weights = p.tensors.list<float>(0, chunk.tensor);
  const float* gradients = p.tensors.list<const float>(1, chunk.tensor);
  float* firsts = p.tensors.list<float>(2, chunk.tensor);
  float* seconds = p.tensors.list<float>(3, chunk.tensor);
  const uint8_t* mask = p.tensors.list<const uint8_t>(4, chunk.tensor);
  for_quads(chunk, [&](int64_t i) {
    Quad<float> weight = load_quad(weights, i, chunk), m = load_quad(firsts, i, chunk),
                v = load_quad(seconds, i, chunk);
    const Quad<float> gradient = load_quad(gradients, i, chunk);
    const Quad<uint8_t> kept = load_mask(p.masked, mask, i, chunk);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const float g = gradient[e] + decay * weight[e];
      m[e] += p.rest1 * (g - m[e]);
      v[e] = p.beta2 * v[e] + p.rest2 * (g * g);
      weight[e] = shrink * weight[e] - step * (m[e] / (sqrtf(v[e]) * root + p.epsilon));
      if (!kept[e]) weight[e] = m[e] = v[e] = 0;
    }
    store_quad(firsts, i, chunk, m);
    store_quad(seconds, i, chunk, v);
    store_quad(weights, i, chunk, weight);
  });
}

extern "C" __global__ void __launch_bounds__(kChunkThreads) lerp(const LerpParameters p) {
  __shared__ float block_share;
  if (threadIdx.x == 0) block_share = p.step->scalars[p.share_slot];
  __syncthreads();
  const float share = block_share;
  const TensorRange chunk = chunk_of_block(p.tensors);
  float* averages = p.tensors.list<float>(0, chunk.tensor);
  const float* values = p.tensors.list<const float>(1, chunk.tensor);
  for_quads(chunk, [&](int64_t i) {
    Quad<float> average = load_quad(averages, i, chunk);
    const Quad<float> value = load_quad(values, i, chunk);
#pragma unroll
    for (int e = 0; e < 4; ++e) average[e] += share * (value[e] - average[e]);
    store_quad(averages, i, chunk, average);
  });
}

extern "C" __global__ void __launch_bounds__(kChunkThreads) squares(const SquaresParameters p) {
  const TensorRange chunk = chunk_of_block(p.tensors);
  const float* x = p.tensors.list<const float>(0, chunk.tensor);
  float sum = 0;
  for_quads(chunk, [&](int64_t i) {
    const Quad<float> value = load_quad(x, i, chunk);
#pragma unroll
    for (int e = 0; e < 4; ++e) sum += value[e] * value[e];
  });
  sum = block_sum<kChunkThreads>(sum);
  if (threadIdx.x == 0) p.sums[blockIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(1024) root_of_sum(const RootOfSumParameters p) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < p.count; i += 1024) sum += p.sums[i];
  sum = block_sum<1024>(sum);
  if (threadIdx.x == 0) *p.norm = static_cast<float>(sqrt(sum));
}

extern "C" __global__ void __launch_bounds__(kChunkThreads) clip_norm(const ClipNormParameters p) {
  __shared__ float block_ratio;
  if (threadIdx.x == 0) block_ratio = static_cast<float>(p.limit / (static_cast<double>(*p.norm) + 1e-6));
  __syncthreads();
  const float ratio = block_ratio;
  if (ratio >= 1) return;  // NaN goes on, and spreads
  const TensorRange chunk = chunk_of_block(p.tensors);
  float* x = p.tensors.list<float>(0, chunk.tensor);
  for_quads(chunk, [&](int64_t i) {
    Quad<float> value = load_quad(x, i, chunk);
#pragma unroll
    for (int e = 0; e < 4; ++e) value[e] *= ratio;
    store_quad(x, i, chunk, value);
  });
}
