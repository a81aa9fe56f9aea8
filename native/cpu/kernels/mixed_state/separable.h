// What the two directions of separable convolutions share: how a problem is cut, the filters in the order of
// the kernels, the activation in zero-padded scratch, a row of a depthwise convolution, and a run of pixels
// times a matrix.
//
// In scratch a pixel is `pitch` floats, the channels padded with zeros to whole vectors, so no inner loop has
// a partial vector. A chunk is a group of images (at most kMostParts groups, which also fixes the partial
// sums of the statistics and of the filters' gradients); within it one image at a time stays in the
// second-level cache.
#pragma once

#include "cpu/kernels/conv2d/partial_sums.h"
#include "cpu/kernels/register_tile.h"
#include "cpu/kernels/vectors.h"
#include "ops/mixed_state.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// One branch, its filters packed.
struct SeparableBranch {
  int64_t taps, dilation, pad;
  bool factorized;
  int64_t inner;            ///< floats of a pixel between the depthwise and the pointwise filter
  const float* depthwise;   ///< [tap][pitch]
  const float* pointwise;   ///< [inner][pitch]: from the inner channels to the output's
  const float* transposed;  ///< [output channel][inner], for the backward direction
};

struct SeparablePlan {
  int64_t n, h, w, c, p, q, stride;
  int64_t pitch, border;
  int64_t images, chunks;             ///< images of a chunk
  int64_t padded_row, padded_floats;  ///< of the activation with its border
  explicit SeparablePlan(const SeparableProblem& problem)
      : n(problem.n),
        h(problem.h),
        w(problem.w),
        c(problem.c),
        p(problem.p()),
        q(problem.q()),
        stride(problem.stride) {
    pitch = round_up(c, kLanes), border = 0;
    for (size_t b = 0; b < problem.taps.size(); ++b) border = std::max(border, problem.pad(b));
    images = ceil_div(n, kMostParts), chunks = ceil_div(n, images);
    padded_row = (w + 2 * border) * pitch, padded_floats = (h + 2 * border) * padded_row;
  }
  /// Where pixel (i, j) of the image lies in its padded copy.
  int64_t padded(int64_t i, int64_t j) const { return (i + border) * padded_row + (j + border) * pitch; }
};

/// Floats of one branch's packed filters.
inline int64_t packed_floats(const SeparablePlan& plan, const SeparableProblem& problem, size_t b) {
  const int64_t inner = problem.factorized(b) ? 2 * plan.pitch : plan.pitch;
  return problem.taps[b] * problem.taps[b] * plan.pitch + 2 * inner * plan.pitch;
}

/// Packs branch b's filters to `to`. FactorizedReduce is a product with a matrix of twice the channels: of
/// the pixel, and of its neighbour in both axes, each giving half of the outputs.
inline SeparableBranch pack_branch(const SeparablePlan& plan, const SeparableProblem& problem, size_t b,
                                   const float* first, const float* second, float* to) {
  const int64_t pitch = plan.pitch, c = plan.c, taps = problem.taps[b], window = taps * taps;
  const bool factorized = problem.factorized(b);
  const int64_t inner = factorized ? 2 * pitch : pitch;
  float *depthwise = to, *pointwise = depthwise + window * pitch, *transposed = pointwise + inner * pitch;
  std::fill_n(to, packed_floats(plan, problem, b), 0.0f);
  if (factorized) {
    for (int64_t k = 0; k < c; ++k) {
      const float* filter = k < c / 2 ? first + k * c : second + (k - c / 2) * c;
      const int64_t offset = k < c / 2 ? 0 : pitch;
      for (int64_t i = 0; i < c; ++i) {
        pointwise[(offset + i) * pitch + k] = filter[i];
        transposed[k * inner + offset + i] = filter[i];
      }
    }
  } else {
    for (int64_t i = 0; i < c; ++i)
      for (int64_t tap = 0; tap < window; ++tap) depthwise[tap * pitch + i] = first[i * window + tap];
    for (int64_t k = 0; k < c; ++k) std::copy_n(second + k * c, c, transposed + k * inner);
    constexpr int64_t kBlock = 16;
    for (int64_t block = 0; block < c; block += kBlock)
      for (int64_t k = 0; k < c; ++k)
        for (int64_t i = block; i < std::min(c, block + kBlock); ++i)
          pointwise[i * pitch + k] = second[k * c + i];
  }
  return {taps, problem.dilations[b], problem.pad(b), factorized, inner, depthwise, pointwise, transposed};
}

/// All branches packed, in parallel, to `to`.
inline std::vector<SeparableBranch> pack_branches(const SeparablePlan& plan, const SeparableProblem& problem,
                                                  const float* const* first, const float* const* second,
                                                  float* to, KernelContext& context) {
  std::vector<SeparableBranch> branches(problem.taps.size());
  std::vector<float*> places;
  for (size_t b = 0; b < branches.size(); ++b) places.push_back(to), to += packed_floats(plan, problem, b);
  context.parallel(problem.branches(), [&](int64_t at, int) {
    const auto b = static_cast<size_t>(at);
    branches[b] = pack_branch(plan, problem, b, first[b], second[b], places[b]);
  });
  return branches;
}
inline int64_t packed_floats(const SeparablePlan& plan, const SeparableProblem& problem) {
  int64_t sum = 0;
  for (size_t b = 0; b < problem.taps.size(); ++b) sum += packed_floats(plan, problem, b);
  return sum;
}

/// [scale | shift] of (x - mean) / sqrt(variance + eps), padded with zeros: 2 pitch floats.
inline void fold_norm(const SeparablePlan& plan, const float* mean, const float* variance, float eps,
                      float* to) {
  std::fill_n(to, 2 * plan.pitch, 0.0f);
  for (int64_t c = 0; c < plan.c; ++c) {
    const double scale = 1 / std::sqrt(static_cast<double>(variance[c]) + eps);
    to[c] = static_cast<float>(scale);
    to[plan.pitch + c] = static_cast<float>(-mean[c] * scale);
  }
}

inline void clear_border(const SeparablePlan& plan, float* padded) {
  std::memset(padded, 0, static_cast<size_t>(plan.padded_floats) * sizeof(float));
}

/// A distance known at compile time; where it is not, a plain int64_t has its place. Sixteen addresses that
/// lie a known distance apart take one register.
template <int64_t kValue>
using Constant = std::integral_constant<int64_t, kValue>;
template <class Distance>
inline constexpr bool kKnown = !std::is_same_v<Distance, int64_t>;
template <int kFactor, int64_t kValue>
constexpr Constant<kFactor * kValue> times(Constant<kValue>) {
  return {};
}
template <int kFactor>
constexpr int64_t times(int64_t value) {
  return kFactor * value;
}

/// body(pitch, channels), for the usual numbers of channels as constants.
template <class Body>
inline void with_layout(const SeparablePlan& plan, const Body& body) {
  if (plan.c == 16 && plan.pitch == 16) return body(Constant<16>{}, Constant<16>{});
  if (plan.c == 32) return body(Constant<32>{}, Constant<32>{});
  if (plan.c == 64) return body(Constant<64>{}, Constant<64>{});
  if (plan.pitch == kLanes) return body(Constant<kLanes>{}, plan.c);
  body(plan.pitch, plan.c);
}

/// act(image) into the inside of `padded`, whose border is 0 already. `norm` null: ReLU alone.
template <class Pitch, class Channels>
inline void load_activation(const SeparablePlan& plan, const float* image, const float* norm, Pitch pitch,
                            Channels channels, float* padded) {
  with_flag(norm != nullptr, [&](auto normed) {
    for (int64_t i = 0; i < plan.h; ++i) {
      float* to = padded + plan.padded(i, 0);
      for (int64_t j = 0; j < plan.w; ++j, image += channels, to += pitch) {
        for_vectors(0, channels, [&](int64_t at, auto lanes) {
          Vec x = load(image + at, lanes);
          if constexpr (normed) x = x * load(norm + at) + load(norm + pitch + at);
          store(to + at, max(Vec{}, x), lanes);
        });
      }
    }
  });
}

/// body(M, first) for runs of M = most, most / 2, ..., 1 of 0..count-1.
template <int M, class Body>
inline void for_runs(int64_t count, const Body& body, int64_t first = 0) {
  for (; first + M <= count; first += M) body(std::integral_constant<int, M>{}, first);
  if constexpr (M > 1) {
    if (first < count) for_runs<M / 2>(count, body, first);
  }
}

/// Pixels whose sums a tile of `vectors` vectors each holds in registers.
template <class Distance>
constexpr int run_of(int vectors) {
  return kKnown<Distance> ? kRegisters / 2 / vectors : 4;
}

/// The taps of one filter row: at x + s x_step, weighted by weights + s weight_step.
struct TapRow {
  const float *x, *weights;
};
struct TapRows {
  TapRow rows[5];
  int64_t count = 0;
  int64_t x_step, weight_step;
};

/// to[j] (+)= sum over the rows and their S taps, for j < count: pixel j's input lies j x_pixel further, its
/// output j to_pixel.
template <int S, bool kAdd, class From, class To>
[[gnu::noinline]] void depthwise_row(const TapRows& taps, From x_pixel, int64_t count, int64_t pitch,
                                     float* to, To to_pixel) {
  for (int64_t c = 0; c < pitch; c += kLanes) {
    for_runs<run_of<From>(1)>(count, [&](auto run, int64_t first) {
      constexpr int M = run;
      Vec sum[M];
      float* out = to + first * to_pixel + c;
#pragma GCC unroll 16
      for (int j = 0; j < M; ++j) sum[j] = kAdd ? load(out + j * to_pixel) : Vec{};
      for (int64_t r = 0; r < taps.count; ++r) {
        const float *x = taps.rows[r].x + first * x_pixel + c, *weights = taps.rows[r].weights + c;
#pragma GCC unroll 5
        for (int s = 0; s < S; ++s, x += taps.x_step, weights += taps.weight_step) {
          const Vec weight = load(weights);
#pragma GCC unroll 16
          for (int j = 0; j < M; ++j) sum[j] += load(x + j * x_pixel) * weight;
        }
      }
#pragma GCC unroll 16
      for (int j = 0; j < M; ++j) store(out + j * to_pixel, sum[j]);
    });
  }
}
template <bool kAdd, class From, class To>
inline void depthwise_row(int64_t columns, const TapRows& taps, From x_pixel, int64_t count, int64_t pitch,
                          float* to, To to_pixel) {
  switch (columns) {
    case 1:
      return depthwise_row<1, kAdd>(taps, x_pixel, count, pitch, to, to_pixel);
    case 2:
      return depthwise_row<2, kAdd>(taps, x_pixel, count, pitch, to, to_pixel);
    case 3:
      return depthwise_row<3, kAdd>(taps, x_pixel, count, pitch, to, to_pixel);
    default:
      return depthwise_row<5, kAdd>(taps, x_pixel, count, pitch, to, to_pixel);
  }
}

/// Row i of what the pointwise filter reads, [q][inner]: the depthwise convolution of the activation, or, for
/// FactorizedReduce, the pixel and its neighbour.
template <class Pitch>
inline void inner_row(const SeparablePlan& plan, const SeparableBranch& branch, Pitch pitch,
                      const float* padded, int64_t i, float* to) {
  if (branch.factorized) {
    for (int64_t j = 0; j < plan.q; ++j, to += branch.inner) {
      std::copy_n(padded + plan.padded(2 * i, 2 * j), pitch, to);
      std::copy_n(padded + plan.padded(2 * i + 1, 2 * j + 1), pitch, to + pitch);
    }
    return;
  }
  TapRows taps;
  taps.count = branch.taps, taps.x_step = branch.dilation * pitch, taps.weight_step = pitch;
  const int64_t top = i * plan.stride - branch.pad;
  for (int64_t r = 0; r < branch.taps; ++r) {
    taps.rows[r] = {padded + plan.padded(top + r * branch.dilation, -branch.pad),
                    branch.depthwise + r * branch.taps * pitch};
  }
  if (plan.stride == 1)
    depthwise_row<false>(branch.taps, taps, pitch, plan.q, pitch, to, pitch);
  else
    depthwise_row<false>(branch.taps, taps, times<2>(pitch), plan.q, pitch, to, pitch);
}

/// done(products, first pixel, column) for tiles of [count][steps] x [steps][width]: `products` is Vec[M][V].
template <class Distance, class Done>
[[gnu::noinline]] void multiply_pixels(const float* x, Distance x_pixel, int64_t count, int64_t steps,
                                       const float* matrix, int64_t width, const Done& done) {
  const auto columns = [&](auto vectors, int64_t column) {
    constexpr int V = vectors;
    for_runs<run_of<Distance>(V)>(count, [&](auto run, int64_t first) {
      constexpr int M = run;
      Vec sum[M][V] = {};
      const float *row = x + first * x_pixel, *weights = matrix + column;
      for (const float* const end = row + steps; row != end; ++row, weights += width) {
        Vec weight[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) weight[v] = load(weights + v * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) {
          const Vec scalar = broadcast(row[i * x_pixel]);
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) sum[i][v] += scalar * weight[v];
        }
      }
      done(sum, first, column);
    });
  };
  int64_t column = 0;
  for (; column + 2 * kLanes <= width; column += 2 * kLanes)
    columns(std::integral_constant<int, 2>{}, column);
  if (column < width) columns(std::integral_constant<int, 1>{}, column);
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
