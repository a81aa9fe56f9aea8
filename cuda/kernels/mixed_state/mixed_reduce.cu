// mixed_reduce: from the gradient g of an edge's output, with xhat = (term - mean) / sqrt(variance + eps):
// the sums over rows of g and g xhat, and from them d weight and the coefficients of each term's gradient
// (native/ops/mixed_state.h).
//
// Variants: 4 channels a thread, or 1. Two launches: blocks add up chunks of rows (at most 256, a function of
// the problem) for up to 8 terms at once, per thread over a stride, then as a tree; then a block for each
// weight adds up the chunks of its terms, in double, in the order of eight interleaved series. Bytes: 4 rows
// channels (terms + ceil(terms / 8)); partial sums, written and read; means and variances, once a chunk.
// FLOPs: 3 an element and term. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel mixed_reduce
#include "kernels/mixed_state/mixed_reduce.h"

#include "device/floats.cuh"
#include "device/warp_reduce.cuh"

namespace {

constexpr int kSums = kReduceTerms + 1;

template <int kVector>
__device__ void reduce_chunk(const MixedReduceParameters& p) {
  using Vector = Floats<kVector>;
  __shared__ alignas(16) float means[kReduceTerms][kPanelChannels];
  __shared__ Vector of_threads[kSums][kPanelThreads];
  const ChannelPanels panels(p.rows, p.channels, kVector);
  const ReduceChunks chunks(panels);
  const int groups = static_cast<int>(reduce_groups(p.terms));
  const int64_t first_channel = blockIdx.x % panels.panels * kPanelChannels;
  const int group = static_cast<int>(blockIdx.x / panels.panels % groups);
  const int64_t chunk = blockIdx.x / panels.panels / groups;
  const int lane = static_cast<int>(threadIdx.x) / panels.vectors;
  const int column = static_cast<int>(threadIdx.x) % panels.vectors * kVector;
  const bool active = lane < panels.row_lanes && first_channel + column < p.channels;
  const int first_term = group * kReduceTerms, terms = min(kReduceTerms, p.terms - first_term);

  for (int i = threadIdx.x; i < terms * kPanelChannels; i += kPanelThreads) {
    const MixedTerm& term = p.term[first_term + i / kPanelChannels];
    const int64_t c = first_channel + i % kPanelChannels;
    if (c < p.channels) means[i / kPanelChannels][i % kPanelChannels] = term.mean ? term.mean[c] : 0;
  }
  __syncthreads();

  Vector sums[kSums];
#pragma unroll
  for (Vector& sum : sums) sum = Vector::all(0);
  if (active) {
    const int64_t end = min(p.rows, (chunk + 1) * chunks.rows);
    for (int64_t row = chunk * chunks.rows + lane; row < end; row += panels.row_lanes) {
      const int64_t at = row * p.channels + first_channel + column;
      const Vector g = Vector::load(p.g + at);
      sums[kReduceTerms] = sums[kReduceTerms] + g;
#pragma unroll
      for (int t = 0; t < kReduceTerms; ++t) {
        if (t >= terms) break;
        const Vector x = Vector::load(p.term[first_term + t].x + at), mean = Vector::load(means[t] + column);
#pragma unroll
        for (int v = 0; v < kVector; ++v) sums[t].at[v] += g.at[v] * (x.at[v] - mean.at[v]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kSums; ++i) of_threads[i][threadIdx.x] = sums[i];
  for (int lanes = panels.row_lanes; lanes > 1;) {
    const int half = (lanes + 1) / 2;
    __syncthreads();
    if (lane < lanes - half) {
#pragma unroll
      for (int i = 0; i < kSums; ++i) {
        Vector& sum = of_threads[i][threadIdx.x];
        sum = sum + of_threads[i][threadIdx.x + half * panels.vectors];
      }
    }
    lanes = half;
  }
  if (!active || lane > 0) return;
  float* to = p.partials + (chunk * groups + group) * kSums * p.channels + first_channel + column;
#pragma unroll
  for (int i = 0; i < kSums; ++i)
    if (i < terms || i == kReduceTerms) of_threads[i][threadIdx.x].store_global(to + i * p.channels);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kPanelThreads)
    mixed_reduce_vectors(const MixedReduceParameters p) {
  reduce_chunk<4>(p);
}
extern "C" __global__ void __launch_bounds__(kPanelThreads)
    mixed_reduce_scalars(const MixedReduceParameters p) {
  reduce_chunk<1>(p);
}

/// One block a weight: its terms' coefficients, 32 channels at a time, and its gradient.
extern "C" __global__ void __launch_bounds__(kPanelThreads)
    mixed_reduce_finish(const MixedReduceParameters p) {
  constexpr int kWarps = kPanelThreads / 32;
  __shared__ double of_warps[2][kWarps][32];
  const ReduceChunks chunks(ChannelPanels(p.rows, p.channels, vector_of(p.channels)));
  const int64_t groups = reduce_groups(p.terms);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const auto rows = static_cast<double>(p.rows);
  double dweight = 0;
  for (int t = 0; t < p.terms; ++t) {
    const MixedTerm& term = p.term[t];
    if (term.place != static_cast<int>(blockIdx.x)) continue;
    const double weight = p.weights[term.place];
    for (int64_t first = 0; first < p.channels; first += 32) {
      const int64_t c = first + lane;
      double product = 0, sum = 0;
      for (int64_t chunk = warp; c < p.channels && chunk < chunks.count; chunk += kWarps) {
        const float* part = p.partials + (chunk * groups + t / kReduceTerms) * kSums * p.channels + c;
        product += part[t % kReduceTerms * p.channels], sum += part[kReduceTerms * p.channels];
      }
      __syncthreads();
      of_warps[0][warp][lane] = product, of_warps[1][warp][lane] = sum;
      __syncthreads();
      if (warp > 0 || c >= p.channels) continue;
      for (int other = 1; other < kWarps; ++other)
        product += of_warps[0][other][lane], sum += of_warps[1][other][lane];
      const double mean = term.mean ? term.mean[c] : 0;
      const double scale = term.mean ? 1 / sqrt(static_cast<double>(term.variance[c]) + p.eps) : 1;
      product *= scale;
      const bool follows = term.mean && p.training;
      const double slope = follows ? -weight * scale * scale * product / rows : 0;
      float* to = p.coefficients[t] + c;
      to[0] = static_cast<float>(weight * scale), to[p.channels] = static_cast<float>(slope);
      to[2 * p.channels] = static_cast<float>(follows ? -weight * scale * sum / rows - slope * mean : 0);
      dweight += product;
    }
  }
  if (warp > 0) return;
  dweight = warp_sum(dweight);
  if (lane == 0) p.dweights[blockIdx.x] = static_cast<float>(dweight);
}
