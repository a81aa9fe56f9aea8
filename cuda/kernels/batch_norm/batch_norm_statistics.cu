// batch_norm_statistics: mean and biased variance of every channel of x [rows, channels].
//
// In tiles of columns (kernels/column_tiles.h). A thread takes 8 of its rows at a time into registers, makes
// their mean and M2 (sum of squared deviations) in two passes, and merges them into its own by the formula
// of Chan, Golub and LeVeque (1979); lines of a block merge in shared memory, chunks of rows in a second
// launch, which one chunk does not need. Values are taken less the first row, so that a mean far from zero
// costs no digits.
//
// Variants: 4 channels a thread, or 1 where the channels are not whole vectors.
// Bytes: 4 channels (rows + t + 3), where t = ColumnTiles::threads_by_channel (the first row, from cache);
// with c > 1 chunks 16 channels c more.
// FLOPs: 6 an element. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel batch_norm_statistics
#include "kernels/batch_norm/batch_norm_statistics.h"

#include "device/column_place.cuh"
#include "device/floats.cuh"

namespace {

template <int kWidth>
struct Moments {
  float count;
  Floats<kWidth> mean, squares;
};

template <int kWidth>
__device__ Moments<kWidth> merge(const Moments<kWidth>& a, const Moments<kWidth>& b) {
  Moments<kWidth> both = a;
  both.count = a.count + b.count;
  const float share = both.count > 0 ? b.count / both.count : 0.0f, weight = a.count * share;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    const float delta = b.mean[k] - a.mean[k];
    both.mean[k] += delta * share;
    both.squares[k] += b.squares[k] + delta * delta * weight;
  }
  return both;
}

constexpr int kBatch = 8;

// Of `rows` rows, at most kBatch, `step` apart.
template <int kWidth>
__device__ Moments<kWidth> moments(const float* x, int64_t step, int rows, const Floats<kWidth>& first) {
  Floats<kWidth> values[kBatch];
  Moments<kWidth> made{static_cast<float>(rows), {}, {}};
#pragma unroll
  for (int i = 0; i < kBatch; ++i)
    if (i < rows) values[i] = Floats<kWidth>::load(x + i * step);
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (i < rows) sum += values[i][k] - first[k];
    made.mean[k] = sum / static_cast<float>(rows);
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      if (i < rows) {
        const float deviation = (values[i][k] - first[k]) - made.mean[k];
        made.squares[k] += deviation * deviation;
      }
    }
  }
  return made;
}

template <int kWidth>
__device__ void finish(const Moments<kWidth>& all, const float* x, float* mean, float* variance,
                       int64_t channel) {
  const Floats<kWidth> first = Floats<kWidth>::load(x + channel);
  Floats<kWidth> means, variances;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    means[k] = first[k] + all.mean[k];
    variances[k] = all.squares[k] / all.count;
  }
  means.store_global(mean + channel);
  variances.store_global(variance + channel);
}

template <int kWidth>
__device__ void statistics(const BatchNormStatisticsParameters& p) {
  __shared__ LineMemory<Moments<kWidth>> memory;
  const ColumnPlace place(p.tiles);
  Moments<kWidth> all{};
  if (place.inside) {
    const Floats<kWidth> first = Floats<kWidth>::load(p.x + place.channel);
    const int64_t step = p.tiles.lines * p.tiles.channels;
    const float* x = p.x + place.row * p.tiles.channels + place.channel;
    int64_t left = (place.end - place.row + p.tiles.lines - 1) / p.tiles.lines;
    for (; left >= kBatch; left -= kBatch, x += kBatch * step)
      all = merge(all, moments<kWidth>(x, step, kBatch, first));
    if (left > 0) all = merge(all, moments<kWidth>(x, step, static_cast<int>(left), first));
  }
  all = merge_lines(p.tiles, all, merge<kWidth>, memory);
  if (!place.inside || place.line != 0) return;
  if (p.tiles.chunks == 1) return finish(all, p.x, p.mean, p.variance, place.channel);
  float* partial = p.partials + place.chunk * 2 * p.tiles.channels + place.channel;
  all.mean.store_global(partial);
  all.squares.store(partial + p.tiles.channels);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    batch_norm_statistics_4(const BatchNormStatisticsParameters p) {
  statistics<4>(p);
}
extern "C" __global__ void __launch_bounds__(256)
    batch_norm_statistics_1(const BatchNormStatisticsParameters p) {
  statistics<1>(p);
}

extern "C" __global__ void __launch_bounds__(256) batch_norm_merge(const BatchNormMergeParameters p) {
  __shared__ LineMemory<Moments<1>> memory;
  const ColumnPlace place(p.tiles);
  Moments<1> all{};
  if (place.inside) {
    const int64_t channels = p.tiles.channels;
#pragma unroll 4
    for (int64_t chunk = place.row; chunk < p.tiles.rows; chunk += p.tiles.lines) {
      const float* partial = p.partials + chunk * 2 * channels + place.channel;
      const int64_t rows = min(p.of_x.chunk, p.of_x.rows - chunk * p.of_x.chunk);
      all = merge(all, Moments<1>{static_cast<float>(rows), {partial[0]}, {partial[channels]}});
    }
  }
  all = merge_lines(p.tiles, all, merge<1>, memory);
  if (place.inside && place.line == 0) finish(all, p.x, p.mean, p.variance, place.channel);
}
