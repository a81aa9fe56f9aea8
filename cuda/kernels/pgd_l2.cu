// Projected gradient descent in the l_2 ball of each sample: the random start and one step.
//   start: y = clamp(x + epsilon r^(1 / features) z / ||z||), z normal and r uniform, from Philox
//   step:  d = from + step g / ||g|| with from = x_adv - x;  y = clamp(x + d min(1, epsilon / ||d||))
//
// Variants
//   sample  up to 4096 features: a block a sample, in registers between the norms and the move.
//   chunks  more: a block for each 4096 elements, three launches: parts of the norms into workspace, a block
//           a sample that adds them in order, the move. start makes its normals twice.
//
// Sums are of double: small gradients cannot be squared in f32. One pass is enough for both norms, as
// ||d||^2 = from . from + 2 m from . g + m^2 g . g. Nothing depends on other samples.
//
// Bytes: sample 8 an element (start; 12 a warp beside) or 16 (step). chunks 8 or 28 an element; a chunk of
// start 16 and 28 a warp, of step 48 and 12 a warp; a sample of start 4 and 12 a warp, of step 12.
//
// FLOPs: step 12 an element; start some 45, in chunks twice. Roofline: memory; arithmetic (start).
//
// Bench: lapidary bench --device cuda --kernel pgd_step --problem "samples=128 features=3072 norm=l2"
#include "kernels/pgd_l2.h"

#include "device/block_reduce.cuh"
#include "device/box_muller.cuh"
#include "device/clamp.cuh"
#include "device/float4.cuh"
#include "device/philox.cuh"

// Beside its type, where Plus finds it.
__device__ inline PgdL2Products operator+(PgdL2Products a, PgdL2Products b) {
  return {a.gradient + b.gradient, a.from + b.from, a.both + b.both};
}

namespace {

/// The chunk of a sample that this block has.
struct Chunk {
  int64_t sample, first, features;

  __device__ Chunk(int64_t features, uint32_t chunks)
      : sample(blockIdx.x / chunks),
        first(blockIdx.x % chunks * kPgdChunk + 4 * threadIdx.x),
        features(features) {}
  /// The first element of a four of this thread within its sample.
  __device__ int64_t element(int quad) const { return first + int64_t{quad} * 4 * kPgdBlock; }
  __device__ bool has(int quad, int i) const { return element(quad) + i < features; }

  // Samples begin at 16 bytes where features are a multiple of 4.
  __device__ float4 load(const float* tensor, int quad) const {
    const float* of_sample = tensor + sample * features;
    const int64_t at = element(quad);
    if (features % 4 != 0) return load_up_to4(of_sample, at, features);
    return at < features ? load4(of_sample + at) : repeat4(0);
  }
  __device__ void store(float* tensor, int quad, float4 value) const {
    float* of_sample = tensor + sample * features;
    const int64_t at = element(quad);
    if (features % 4 != 0)
      store_up_to4(of_sample, at, features, value);
    else if (at < features)
      store4(of_sample + at, value);
  }
};

// start

/// The Philox counter of a sample's noise, less the number of its block.
struct Counter {
  uint64_t high, low;
};
__device__ Counter counter_of(const PgdL2StartParameters& p, int64_t sample) {
  const auto index = static_cast<uint32_t>(uniform_load(p.sample_index + sample));
  return {p.site << 32 | index, uint64_t{philox_step(p.step)} << 32};
}

/// Standard normals of this thread's elements, 0 beyond the sample.
struct Normals {
  float4 z[kPgdQuads];

  __device__ Normals(const PgdL2StartParameters& p, const Chunk& chunk, const Counter& counter) {
#pragma unroll
    for (int quad = 0; quad < kPgdQuads; ++quad) {
      z[quad] = repeat4(0);
      if (!chunk.has(quad, 0)) continue;
      const auto block = static_cast<uint64_t>(chunk.element(quad) / 4);
      z[quad] = box_muller(philox_uniforms(p.seed, counter.high, counter.low | block));
      if (!chunk.has(quad, 1)) z[quad].y = 0;
      if (!chunk.has(quad, 2)) z[quad].z = 0;
      if (!chunk.has(quad, 3)) z[quad].w = 0;
    }
  }
  /// The sum of their squares over the block.
  __device__ double squares() const {
    double sum = 0;
#pragma unroll
    for (const float4& v : z) sum += v.x * v.x + v.y * v.y + (v.z * v.z + v.w * v.w);
    return block_sum<kPgdBlock>(sum);
  }
};

/// What turns normals into a point of the ball.
__device__ float ball_factor(const PgdL2StartParameters& p, const Counter& counter, double squares) {
  const float r = philox_uniforms(p.seed, counter.high, counter.low | 0xffffffffu).x;
  const float length = p.epsilon * powf(r, 1 / static_cast<float>(p.features));
  return squares > 0 ? length / sqrtf(static_cast<float>(squares)) : 0;
}

__device__ void add_noise(const PgdL2StartParameters& p, const Chunk& chunk, const Normals& normals,
                          float factor) {
  const auto move = [&p, factor](float x, float z) { return clamp(x + factor * z, p.low, p.high); };
#pragma unroll
  for (int quad = 0; quad < kPgdQuads; ++quad)
    chunk.store(p.y, quad, map4(chunk.load(p.x, quad), normals.z[quad], move));
}

// step

struct Move {
  float4 x[kPgdQuads], from[kPgdQuads], gradient[kPgdQuads];

  __device__ Move(const PgdL2StepParameters& p, const Chunk& chunk) {
#pragma unroll
    for (int quad = 0; quad < kPgdQuads; ++quad) {
      x[quad] = chunk.load(p.x, quad);
      from[quad] = map4(chunk.load(p.x_adv, quad), x[quad], [](float a, float b) { return a - b; });
      gradient[quad] = chunk.load(p.gradient, quad);
    }
  }

  /// Over the block.
  __device__ PgdL2Products products() const {
    PgdL2Products sum{};
    const auto add = [&sum](float from_f32, float gradient_f32) {
      const double f = from_f32, g = gradient_f32;
      sum = sum + PgdL2Products{g * g, f * f, f * g};
    };
#pragma unroll
    for (int quad = 0; quad < kPgdQuads; ++quad) {
      const float4 f = from[quad], g = gradient[quad];
      add(f.x, g.x), add(f.y, g.y), add(f.z, g.z), add(f.w, g.w);
    }
    return block_sum<kPgdBlock>(sum);
  }

  __device__ void apply(const PgdL2StepParameters& p, const Chunk& chunk, double move, float project) const {
    const auto moved = [move](float f, float g) {
      // A gradient that does not move may be NaN.
      return move == 0 ? f : f + static_cast<float>(move * static_cast<double>(g));
    };
    const auto placed = [&p, project](float base, float d) {
      return clamp(base + project * d, p.low, p.high);
    };
#pragma unroll
    for (int quad = 0; quad < kPgdQuads; ++quad)
      chunk.store(p.y, quad, map4(x[quad], map4(from[quad], gradient[quad], moved), placed));
  }
};

__device__ PgdL2Factors factors_of(const PgdL2StepParameters& p, const PgdL2Products& s) {
  const bool moves = s.gradient > 0 && isfinite(s.gradient);
  const double move = moves ? p.step / sqrt(s.gradient) : 0, epsilon = p.epsilon;
  const double squares = moves ? s.from + move * (2 * s.both + move * s.gradient) : s.from;
  return {move, squares > epsilon * epsilon ? static_cast<float>(epsilon / sqrt(squares)) : 1};
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kPgdBlock) pgd_l2_start(const PgdL2StartParameters p) {
  const Chunk chunk(p.features, 1);
  const Counter counter = counter_of(p, chunk.sample);
  const Normals normals(p, chunk, counter);
  add_noise(p, chunk, normals, ball_factor(p, counter, normals.squares()));
}

extern "C" __global__ void __launch_bounds__(kPgdBlock) pgd_l2_start_squares(const PgdL2StartParameters p) {
  const Chunk chunk(p.features, p.chunks);
  const double squares = Normals(p, chunk, counter_of(p, chunk.sample)).squares();
  if (threadIdx.x == 0) p.squares[blockIdx.x] = squares;
}

extern "C" __global__ void __launch_bounds__(kPgdBlock) pgd_l2_start_factor(const PgdL2StartParameters p) {
  const Counter counter = counter_of(p, blockIdx.x);
  double sum = 0;
  for (uint32_t chunk = threadIdx.x; chunk < p.chunks; chunk += kPgdBlock)
    sum += p.squares[int64_t{blockIdx.x} * p.chunks + chunk];
  sum = block_sum<kPgdBlock>(sum);
  if (threadIdx.x == 0) p.factor[blockIdx.x] = ball_factor(p, counter, sum);
}

extern "C" __global__ void __launch_bounds__(kPgdBlock) pgd_l2_start_move(const PgdL2StartParameters p) {
  const Chunk chunk(p.features, p.chunks);
  const Normals normals(p, chunk, counter_of(p, chunk.sample));
  add_noise(p, chunk, normals, uniform_load(p.factor + chunk.sample));
}

extern "C" __global__ void __launch_bounds__(kPgdBlock) pgd_l2_step(const PgdL2StepParameters p) {
  __shared__ double move_factor;
  __shared__ float project;
  const Chunk chunk(p.features, 1);
  const Move move(p, chunk);
  const PgdL2Products products = move.products();
  if (threadIdx.x == 0) {
    const PgdL2Factors factors = factors_of(p, products);
    move_factor = factors.move, project = factors.project;
  }
  __syncthreads();
  move.apply(p, chunk, move_factor, project);
}

extern "C" __global__ void __launch_bounds__(kPgdBlock) pgd_l2_step_products(const PgdL2StepParameters p) {
  const PgdL2Products products = Move(p, Chunk(p.features, p.chunks)).products();
  if (threadIdx.x == 0) p.products[blockIdx.x] = products;
}

extern "C" __global__ void __launch_bounds__(kPgdBlock) pgd_l2_step_factors(const PgdL2StepParameters p) {
  PgdL2Products sum{};
  for (uint32_t chunk = threadIdx.x; chunk < p.chunks; chunk += kPgdBlock)
    sum = sum + p.products[int64_t{blockIdx.x} * p.chunks + chunk];
  sum = block_sum<kPgdBlock>(sum);
  if (threadIdx.x != 0) return;
  const PgdL2Factors factors = factors_of(p, sum);
  p.factors[blockIdx.x].move = factors.move;
  p.factors[blockIdx.x].project = factors.project;
}

extern "C" __global__ void __launch_bounds__(kPgdBlock) pgd_l2_step_move(const PgdL2StepParameters p) {
  const Chunk chunk(p.features, p.chunks);
  const PgdL2Factors* factors = p.factors + chunk.sample;
  const double move = uniform_load(&factors->move);
  const float project = uniform_load(&factors->project);
  Move(p, chunk).apply(p, chunk, move, project);
}
