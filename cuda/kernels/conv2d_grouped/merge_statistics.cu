// Statistics of an output from those of its blocks: mean[k], variance[k] (biased).
//
// Two samples of n and m values have together the mean  a + (b - a) m / (n + m)  and squares around it of
// A + B + (b - a)^2 n m / (n + m)  (Chan, Golub and LeVeque 1983). Slices of the list, every 16th block each,
// then a tree over the slices: one order, whatever the schedule.
// Variants: one. Bytes: 12 K blocks read, 8 K written. FLOPs: some 9 a triple. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel conv2d_fprop
//        --problem "N=32 H=56 W=56 C=144 K=144 groups=144 R=3 S=3 statistics=1"
#include "kernels/conv2d_grouped/merge_statistics.h"

namespace {

struct Sample {
  float count, mean, squares;

  __device__ void merge(const Sample& other) {
    const float total = count + other.count;
    if (total == 0) return;
    const float share = other.count / total, distance = other.mean - mean;
    mean = fmaf(distance, share, mean);
    squares += fmaf(distance * distance, count * share, other.squares);
    count = total;
  }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(kMergeChannels* kMergeSlices)
    merge_statistics(const MergeStatistics p) {
  __shared__ Sample samples[kMergeSlices][kMergeChannels];
  const int64_t channel = int64_t{blockIdx.x} * kMergeChannels + threadIdx.x;
  Sample own{0, 0, 0};
  if (channel < p.channels) {
    for (int64_t block = threadIdx.y; block < p.blocks; block += kMergeSlices) {
      const float* const from = p.statistics + block * 3 * p.channels + channel;
      own.merge({from[0], from[p.channels], from[2 * p.channels]});
    }
  }
  samples[threadIdx.y][threadIdx.x] = own;
  for (unsigned half = kMergeSlices / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y >= half) continue;
    own.merge(samples[threadIdx.y + half][threadIdx.x]);
    samples[threadIdx.y][threadIdx.x] = own;
  }
  if (threadIdx.y != 0 || channel >= p.channels) return;
  p.mean[channel] = own.mean;
  p.variance[channel] = own.squares / own.count;
}
