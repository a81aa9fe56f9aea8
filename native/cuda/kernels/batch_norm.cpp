// Host side of the batch norm kernels: see cuda/kernels/batch_norm/.
#include "ops/batch_norm.h"

#include "cuda/launch_context.h"
#include "kernels/batch_norm/batch_norm_dgrad.h"
#include "kernels/batch_norm/batch_norm_fold.h"
#include "kernels/batch_norm/batch_norm_reduce.h"
#include "kernels/batch_norm/batch_norm_statistics.h"
#include "kernels/batch_norm/normalize.h"
#include "ops/mixed_state.h"

namespace lapidary::cuda {
namespace {

// Every thread of a reduction has work to hide its merging behind; 2,048 blocks fill any device a few times.
template <class Problem>
ColumnTiles reduction_tiles(const Problem& p) {
  return {p.rows, p.channels, {.rows_by_thread = 16, .most_blocks = 2048}};
}
// Of the second launch, over the chunks of the first: narrow, so that few channels make several blocks.
ColumnTiles merge_tiles(const ColumnTiles& first) {
  return {first.chunks, first.channels, {.most_blocks = 1, .most_channels = 8, .width = 1}};
}
template <class Problem>
ColumnTiles streaming_tiles(const Problem& p) {
  return {p.rows, p.channels, {}};
}

/// Two sums by chunk and channel.
template <class Problem>
size_t reduction_workspace(const Problem& p) {
  const ColumnTiles tiles = reduction_tiles(p);
  return tiles.chunks == 1 ? 0 : static_cast<size_t>(tiles.chunks * 2 * p.channels) * sizeof(float);
}

Extent grid(const ColumnTiles& tiles) { return {tiles.blocks()}; }
constexpr Extent kBlock{ColumnTiles::kThreads};

double bytes(int64_t floats) { return static_cast<double>(floats) * sizeof(float); }

double statistics_traffic(const RowsProblem& p) {
  const ColumnTiles tiles = reduction_tiles(p);
  const int64_t partials = tiles.chunks == 1 ? 0 : 4 * tiles.chunks;
  return bytes(p.channels * (p.rows + tiles.threads_by_channel() + 1 + 2 + partials));
}

void statistics_columns(const RowsProblem& p, const BatchNormStatistics<float>& a, LaunchContext& context) {
  const ColumnTiles tiles = reduction_tiles(p);
  auto* partials = static_cast<float*>(context.workspace);
  context.launch(
      {"batch_norm_statistics", tiles.width == 4 ? "batch_norm_statistics_4" : "batch_norm_statistics_1"},
      grid(tiles), kBlock, BatchNormStatisticsParameters{tiles, a.x, partials, a.mean, a.variance});
  if (tiles.chunks == 1) return;
  const ColumnTiles merged = merge_tiles(tiles);
  context.launch({"batch_norm_statistics", "batch_norm_merge"}, grid(merged), kBlock,
                 BatchNormMergeParameters{merged, tiles, a.x, partials, a.mean, a.variance});
}

void fold_channels(const BatchNormFoldProblem& p, const BatchNormFold<float>& a, LaunchContext& context) {
  context.launch({"batch_norm_fold", "batch_norm_fold"}, {ceil_div(p.channels, 128)}, {128},
                 BatchNormFoldParameters{p.channels, a.mean, a.variance, a.gamma, a.beta, a.running_mean,
                                         a.running_variance, a.scale, a.shift, a.invstd, p.eps,
                                         RunningUpdate(p.momentum, p.rows)});
}

// Without parameters by channel any [rows, channels] of as many elements will do: whole vectors if possible.
ColumnTiles normalize_tiles(const NormalizeProblem& p) {
  const int64_t all = p.rows * p.channels, width = all % 4 == 0 ? 4 : 1;
  return p.affine || p.addend == Addend::Affine ? streaming_tiles(p) : ColumnTiles{all / width, width, {}};
}

double normalize_traffic(const NormalizeProblem& p) {
  const int64_t parameters = 2 * p.affine + 2 * (p.addend == Addend::Affine);
  const int64_t operands = p.addend == Addend::None ? 2 : 3;
  return bytes(p.channels * (operands * p.rows + parameters * normalize_tiles(p).threads_by_channel()));
}

void normalize_columns(const NormalizeProblem& p, const Normalize<float>& a, LaunchContext& context) {
  const ColumnTiles tiles = normalize_tiles(p);
  context.launch({"normalize", tiles.width == 4 ? "normalize_4" : "normalize_1"}, grid(tiles), kBlock,
                 NormalizeParameters{tiles, a.a, a.a_scale, a.a_shift, a.b, a.b_scale, a.b_shift, a.y,
                                     p.a_relu, p.b_relu, p.relu});
}

double reduce_traffic(const BatchNormBackwardProblem& p) {
  const ColumnTiles tiles = reduction_tiles(p);
  const int64_t partials = tiles.chunks == 1 ? 0 : 4 * tiles.chunks;
  const int64_t parameters = p.mask == ReluMask::Input ? 4 : 2;
  return bytes(p.channels * (2 * p.rows + parameters * tiles.threads_by_channel() + 2 + partials));
}

void reduce_columns(const BatchNormBackwardProblem& p, const BatchNormReduce<float>& a,
                    LaunchContext& context) {
  const ColumnTiles tiles = reduction_tiles(p);
  auto* partials = static_cast<float*>(context.workspace);
  context.launch({"batch_norm_reduce", tiles.width == 4 ? "batch_norm_reduce_4" : "batch_norm_reduce_1"},
                 grid(tiles), kBlock,
                 BatchNormReduceParameters{tiles, a.dz, a.x, a.scale, a.shift, a.mean, a.invstd, partials,
                                           a.sum_dz, a.sum_dz_xhat});
  if (tiles.chunks == 1) return;
  const ColumnTiles merged = merge_tiles(tiles);
  context.launch({"batch_norm_reduce", "batch_norm_sum"}, grid(merged), kBlock,
                 BatchNormSumParameters{merged, partials, a.sum_dz, a.sum_dz_xhat});
}

double dgrad_traffic(const BatchNormBackwardProblem& p) {
  const bool masked = p.mask == ReluMask::Input;
  const int64_t operands = p.training || masked ? 3 : 2, parameters = 1 + masked + 4 * p.training;
  return bytes(p.channels * (operands * p.rows + parameters * streaming_tiles(p).threads_by_channel()));
}

void dgrad_columns(const BatchNormBackwardProblem& p, const BatchNormDgrad<float>& a,
                   LaunchContext& context) {
  const ColumnTiles tiles = streaming_tiles(p);
  context.launch({"batch_norm_dgrad", tiles.width == 4 ? "batch_norm_dgrad_4" : "batch_norm_dgrad_1"},
                 grid(tiles), kBlock,
                 BatchNormDgradParameters{tiles, a.dz, a.x, a.scale, a.shift, a.mean, a.invstd, a.sum_dz,
                                          a.sum_dz_xhat, a.dx});
}

void running_channels(const RunningStatisticsProblem& p, const RunningStatistics<float>& a,
                      LaunchContext& context) {
  constexpr int64_t kMost = RunningStatisticsParameters::kMostNorms;
  for (int64_t first = 0; first < p.norms; first += kMost) {
    const int64_t norms = std::min(kMost, p.norms - first);
    RunningStatisticsParameters parameters{p.channels, RunningUpdate(p.momentum, p.rows), {}};
    for (int64_t i = 0; i < norms; ++i) {
      parameters.norms[i] = {a.mean[first + i], a.variance[first + i], a.running_mean[first + i],
                             a.running_variance[first + i]};
    }
    context.launch({"batch_norm_fold", "running_statistics"}, {ceil_div(p.channels, 128), norms}, {128},
                   parameters);
  }
}

}  // namespace

ImplementationList batch_norm_statistics() {
  return {with_traffic<RowsProblem, &statistics_traffic>(
      implementation<BatchNormStatistics<float>, &statistics_columns, nullptr,
                     &reduction_workspace<RowsProblem>>("columns"))};
}
ImplementationList batch_norm_fold() {
  return {implementation<BatchNormFold<float>, &fold_channels>("channels")};
}
ImplementationList normalize() {
  return {with_traffic<NormalizeProblem, &normalize_traffic>(
      implementation<Normalize<float>, &normalize_columns>("columns"))};
}
ImplementationList batch_norm_reduce() {
  return {with_traffic<BatchNormBackwardProblem, &reduce_traffic>(
      implementation<BatchNormReduce<float>, &reduce_columns, nullptr,
                     &reduction_workspace<BatchNormBackwardProblem>>("columns"))};
}
ImplementationList batch_norm_dgrad() {
  return {with_traffic<BatchNormBackwardProblem, &dgrad_traffic>(
      implementation<BatchNormDgrad<float>, &dgrad_columns>("columns"))};
}
ImplementationList running_statistics() {
  return {implementation<RunningStatistics<float>, &running_channels>("channels")};
}

}  // namespace lapidary::cuda
