// mixed_sum: y = addend + sum over terms of weight * norm(term), [rows, channels].
//
// Variants: 4 channels a thread (a multiple of 4 of them), or 1. One pass: a block has a panel of channels
// and 4 rows a thread, so that 4 loads of a term are under way together; mean and weight / sqrt(variance +
// eps) of its channels come through shared memory, 8 terms at a time. Bytes: 4 rows channels (terms + 1 +
// addend), and for each block of rows (4 times 256 threads) 4 channels (terms + 2 normalised terms). FLOPs: 2
// an element and term. Roofline: memory. Bench: lapidary bench --device cuda --kernel mixed_sum
#include "kernels/mixed_state/mixed_sum.h"

#include "device/floats.cuh"
#include "kernels/mixed_state/channel_panels.h"

namespace {

constexpr int kTermsAtOnce = 8;

template <int kVector>
__device__ void sum(const MixedSumParameters& p) {
  using Vector = Floats<kVector>;
  __shared__ alignas(16) float means[kTermsAtOnce][kPanelChannels], factors[kTermsAtOnce][kPanelChannels];
  const ChannelPanels panels(p.rows, p.channels, kVector);
  const int64_t first_channel = blockIdx.x % panels.panels * kPanelChannels;
  const int lane = static_cast<int>(threadIdx.x) / panels.vectors;
  const int column = static_cast<int>(threadIdx.x) % panels.vectors * kVector;
  const int64_t first_row = blockIdx.x / panels.panels * (panels.row_lanes * kSumRowsOfThread) + lane;
  const bool active = lane < panels.row_lanes && first_channel + column < p.channels;
  const int64_t step = panels.row_lanes * p.channels, first = first_row * p.channels + first_channel + column;

  int rows = 0;
  if (active && first_row < p.rows) {
    const int64_t left = (p.rows - 1 - first_row) / panels.row_lanes + 1;
    rows = left < kSumRowsOfThread ? static_cast<int>(left) : kSumRowsOfThread;
  }
  Vector sums[kSumRowsOfThread];
#pragma unroll
  for (int row = 0; row < kSumRowsOfThread; ++row)
    sums[row] = p.addend && row < rows ? Vector::load(p.addend + first + row * step) : Vector::all(0);

  for (int begin = 0; begin < p.terms; begin += kTermsAtOnce) {
    const int terms = min(kTermsAtOnce, p.terms - begin);
    __syncthreads();
    for (int i = threadIdx.x; i < terms * kPanelChannels; i += kPanelThreads) {
      const MixedTerm& term = p.term[begin + i / kPanelChannels];
      const int64_t c = first_channel + i % kPanelChannels;
      if (c >= p.channels) continue;
      const float weight = p.weights[term.place];
      means[i / kPanelChannels][i % kPanelChannels] = term.mean ? term.mean[c] : 0;
      factors[i / kPanelChannels][i % kPanelChannels] =
          term.mean ? weight / sqrtf(term.variance[c] + p.eps) : weight;
    }
    __syncthreads();
    if (rows == 0) continue;
    for (int t = 0; t < terms; ++t) {
      const float* x = p.term[begin + t].x + first;
      const Vector mean = Vector::load(means[t] + column), factor = Vector::load(factors[t] + column);
      Vector values[kSumRowsOfThread];
#pragma unroll
      for (int row = 0; row < kSumRowsOfThread; ++row)
        values[row] = row < rows ? Vector::load(x + row * step) : mean;
#pragma unroll
      for (int row = 0; row < kSumRowsOfThread; ++row)
#pragma unroll
        for (int v = 0; v < kVector; ++v) sums[row].at[v] += factor.at[v] * (values[row].at[v] - mean.at[v]);
    }
  }
#pragma unroll
  for (int row = 0; row < kSumRowsOfThread; ++row)
    if (row < rows) sums[row].store_global(p.y + first + row * step);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kPanelThreads) mixed_sum_vectors(const MixedSumParameters p) {
  sum<4>(p);
}
extern "C" __global__ void __launch_bounds__(kPanelThreads) mixed_sum_scalars(const MixedSumParameters p) {
  sum<1>(p);
}
