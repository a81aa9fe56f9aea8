// Host side of the sums of an edge and of the pools of a mixedState: see cuda/kernels/mixed_state/.
#include "ops/mixed_state.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "cuda/kernels/tile_statistics.h"
#include "cuda/kernels/tile_traffic.h"
#include "cuda/launch_context.h"
#include "kernels/mixed_state/branch_gradient.h"
#include "kernels/mixed_state/mixed_reduce.h"
#include "kernels/mixed_state/state_pools.h"

namespace lapidary::cuda {
namespace {

constexpr double kBytes = sizeof(float);

template <class Args>
void set_terms(const MixedSumProblem& p, const Args& args, MixedTerm* to) {
  size_t norm = 0;
  for (size_t t = 0; t < p.places.size(); ++t) {
    to[t] = {args.terms[t], nullptr, nullptr, static_cast<int32_t>(p.places[t])};
    if (p.normed[t] == 0) continue;
    to[t].mean = args.mean[norm], to[t].variance = args.variance[norm];
    ++norm;
  }
}

/// Values of constants by channel that a block of rows of mixed_sum or mixed_reduce reads.
double term_constants(const MixedSumProblem& p, int64_t of_term) {
  return static_cast<double>(p.channels * (of_term * p.terms() + 2 * p.norms()));
}

int64_t rows_of_block(const ChannelPanels& panels, int rows_of_thread) {
  return int64_t{panels.row_lanes} * rows_of_thread;
}

void sum_panels(const MixedSumProblem& p, const MixedSum<float>& args, LaunchContext& context) {
  const int vector = vector_of(p.channels);
  const ChannelPanels panels(p.rows, p.channels, vector);
  MixedSumParameters parameters{args.weights, p.addend ? args.addend : nullptr, args.y, p.rows, p.channels,
                                p.eps,        static_cast<int32_t>(p.terms()),  {}};
  set_terms(p, args, parameters.term);
  context.launch({"mixed_sum", vector == 4 ? "mixed_sum_vectors" : "mixed_sum_scalars"},
                 {panels.row_blocks(rows_of_block(panels, kSumRowsOfThread)) * panels.panels},
                 {kPanelThreads}, parameters);
}
double sum_traffic(const MixedSumProblem& p) {
  const ChannelPanels panels(p.rows, p.channels, vector_of(p.channels));
  const auto blocks = static_cast<double>(panels.row_blocks(rows_of_block(panels, kSumRowsOfThread)));
  const auto elements = static_cast<double>(p.rows * p.channels);
  return kBytes * (elements * static_cast<double>(p.terms() + 1 + p.addend) + blocks * term_constants(p, 1));
}

size_t reduce_workspace(const MixedSumProblem& p) {
  const ReduceChunks chunks(ChannelPanels(p.rows, p.channels, vector_of(p.channels)));
  return static_cast<size_t>(chunks.count * reduce_groups(p.terms()) * (kReduceTerms + 1) * p.channels) *
         sizeof(float);
}
void reduce_chunks(const MixedSumProblem& p, const MixedReduce<float>& args, LaunchContext& context) {
  const int vector = vector_of(p.channels);
  const ChannelPanels panels(p.rows, p.channels, vector);
  MixedReduceParameters parameters{args.weights,
                                   args.g,
                                   args.dweights,
                                   static_cast<float*>(context.workspace),
                                   p.rows,
                                   p.channels,
                                   p.eps,
                                   static_cast<int32_t>(p.terms()),
                                   p.training,
                                   {},
                                   {}};
  set_terms(p, args, parameters.term);
  std::copy_n(args.coefficients, p.places.size(), parameters.coefficients);
  if (p.terms() > 0) {
    context.launch({"mixed_reduce", vector == 4 ? "mixed_reduce_vectors" : "mixed_reduce_scalars"},
                   {ReduceChunks(panels).count * reduce_groups(p.terms()) * panels.panels}, {kPanelThreads},
                   parameters);
  }
  context.launch({"mixed_reduce", "mixed_reduce_finish"}, {p.weights}, {kPanelThreads}, parameters);
}
double reduce_traffic(const MixedSumProblem& p) {
  const ReduceChunks chunks(ChannelPanels(p.rows, p.channels, vector_of(p.channels)));
  const auto elements = static_cast<double>(p.rows * p.channels), count = static_cast<double>(chunks.count);
  const auto channels = static_cast<double>(p.channels), terms = static_cast<double>(p.terms());
  const auto groups = static_cast<double>(reduce_groups(p.terms()));
  const double first = elements * (terms + groups) + count * static_cast<double>(p.norms()) * channels;
  const double partials = count * channels * ((terms + groups) + 2 * terms);
  return kBytes *
         (first + partials + term_constants(p, 3) + static_cast<double>(p.weights) + kPanelThreads * terms);
}

void gradient_panels(const BranchGradientProblem& p, const BranchGradient<float>& args,
                     LaunchContext& context) {
  const int vector = vector_of(p.channels);
  const ChannelPanels panels(p.rows, p.channels, vector);
  context.launch({"branch_gradient", vector == 4 ? "branch_gradient_vectors" : "branch_gradient_scalars"},
                 {panels.row_blocks(rows_of_block(panels, kGradientRowsOfThread)) * panels.panels},
                 {kPanelThreads},
                 BranchGradientParameters{args.g, args.y, args.coefficients, args.dy, p.rows, p.channels});
}
double gradient_traffic(const BranchGradientProblem& p) {
  const ChannelPanels panels(p.rows, p.channels, vector_of(p.channels));
  const int64_t blocks = panels.row_blocks(rows_of_block(panels, kGradientRowsOfThread));
  return 3 * kBytes * static_cast<double>((p.rows + blocks) * p.channels);
}

/// A function's name for a stride and the channels' divisibility: "<name>_vectors_1".
std::string pool_function(const char* name, const StateExtents& p) {
  return std::string(name) + (vector_of(p.c) == 4 ? "_vectors_" : "_scalars_") + std::to_string(p.stride);
}

OutputTiles pool_tiles(const StatePoolsProblem& p) { return {p.n, p.p(), p.q(), kPoolTile, kPoolTile}; }
int64_t pool_partials(const StatePoolsProblem& p) { return 2 * pool_tiles(p).count * p.c; }

size_t pools_workspace(const StatePoolsProblem& p) {
  return p.statistics ? static_cast<size_t>((p.max + p.average) * pool_partials(p)) * sizeof(float) : 0;
}
void pools_tiles(const StatePoolsProblem& p, const StatePools<float>& args, LaunchContext& context) {
  const OutputTiles tiles = pool_tiles(p);
  auto* partials = static_cast<float*>(context.workspace);
  StatePoolsParameters parameters{args.x,       p.max ? args.max : nullptr,
                                  args.max_tap, p.average ? args.average : nullptr,
                                  nullptr,      nullptr,
                                  tiles,        p.h,
                                  p.w,          p.c};
  std::vector<TileStatistics> statistics;
  if (p.statistics && p.max) {
    parameters.max_partials = partials, partials += pool_partials(p);
    statistics.push_back({parameters.max_partials, args.max_mean, args.max_variance, p.c});
  }
  if (p.statistics && p.average) {
    parameters.average_partials = partials;
    statistics.push_back({parameters.average_partials, args.average_mean, args.average_variance, p.c});
  }
  context.launch({"state_pools", pool_function("state_pools", p)}, {tiles.count * pool_slices(p.c)},
                 {kPoolThreads}, parameters);
  merge_tile_statistics(context, tiles, statistics);
}
double pools_traffic(const StatePoolsProblem& p) {
  const OutputTiles tiles = pool_tiles(p);
  const int64_t length = (kPoolTile - 1) * p.stride + 3, step = kPoolTile * p.stride;
  const int64_t rows = read_along(tiles.down, -1, step, length, p.h),
                columns = read_along(tiles.across, -1, step, length, p.w);
  const auto outputs = static_cast<double>(p.y_count());
  double bytes =
      kBytes * static_cast<double>(p.n * rows * columns * p.c) + outputs * (p.max * 5 + p.average * 4);
  if (p.statistics) bytes += (p.max + p.average) * tile_statistics_traffic(tiles, p.c);
  return bytes;
}

OutputTiles dx_tiles(const StatePoolsBackwardProblem& p) { return {p.n, p.h, p.w, kPoolTile, kPoolTile}; }

/// A term's edge, and its place in the list of its kind.
struct TermPlace {
  int64_t edge;
  size_t place;
  PoolKind kind;
};
/// All terms, those of an edge following each other.
std::vector<TermPlace> term_places(const StatePoolsBackwardProblem& p) {
  std::vector<TermPlace> places;
  const auto add = [&](const Counts& edges, PoolKind kind) {
    for (size_t i = 0; i < edges.size(); ++i) places.push_back({edges[i], i, kind});
  };
  add(p.max, PoolKind::Max), add(p.average, PoolKind::Average), add(p.identity, PoolKind::Identity);
  std::stable_sort(places.begin(), places.end(),
                   [](const TermPlace& a, const TermPlace& b) { return a.edge < b.edge; });
  return places;
}
/// body(terms) for those of each launch; once for none.
template <class Body>
void for_dgrad_launches(const std::vector<TermPlace>& terms, const Body& body) {
  size_t first = 0;
  do {
    const size_t count = std::min<size_t>(kPoolTerms, terms.size() - first);
    body(std::span(terms).subspan(first, count));
    first += count;
  } while (first < terms.size());
}
bool has(std::span<const TermPlace> terms, PoolKind kind) {
  return std::any_of(terms.begin(), terms.end(), [&](const TermPlace& term) { return term.kind == kind; });
}

void dgrad_tiles(const StatePoolsBackwardProblem& p, const StatePoolsDgrad<float>& args,
                 LaunchContext& context) {
  const OutputTiles tiles = dx_tiles(p);
  StatePoolsDgradParameters parameters{
      args.max, args.max_tap, args.average, args.dx, tiles, p.p(), p.q(), p.c,
      0,        p.accumulate, false,        false,   {}};
  const float* const* const coefficients[] = {args.max_coefficients, args.average_coefficients,
                                              args.identity_coefficients};
  for_dgrad_launches(term_places(p), [&](std::span<const TermPlace> terms) {
    parameters.terms = static_cast<int32_t>(terms.size());
    std::transform(terms.begin(), terms.end(), parameters.term, [&](const TermPlace& term) {
      return PoolTerm{args.g[term.edge], coefficients[static_cast<int>(term.kind)][term.place], term.kind};
    });
    parameters.has_max = has(terms, PoolKind::Max), parameters.has_average = has(terms, PoolKind::Average);
    context.launch({"state_pools_dgrad", pool_function("state_pools_dgrad", p)},
                   {tiles.count * pool_slices(p.c)}, {kPoolThreads}, parameters);
    parameters.accumulate = true;
  });
}
double dgrad_traffic(const StatePoolsBackwardProblem& p) {
  const OutputTiles tiles = dx_tiles(p);
  const int64_t step = kPoolTile / p.stride, first = p.stride == 1 ? -1 : 0, length = step + 3 - p.stride;
  const int64_t rows = read_along(tiles.down, first, step, length, p.p()),
                columns = read_along(tiles.across, first, step, length, p.q());
  const auto outputs = static_cast<double>(p.n * rows * columns * p.c), dx = static_cast<double>(p.x_count());
  double bytes = 0;
  bool accumulate = p.accumulate;
  for_dgrad_launches(term_places(p), [&](std::span<const TermPlace> terms) {
    int64_t edges = 0, coefficients = 0;
    for (size_t i = 0; i < terms.size(); ++i) {
      edges += i == 0 || terms[i].edge != terms[i - 1].edge;
      coefficients += terms[i].kind == PoolKind::Identity ? 1 : 3;
    }
    bytes += outputs * (kBytes * static_cast<double>(edges) + 5 * has(terms, PoolKind::Max) +
                        4 * has(terms, PoolKind::Average));
    bytes += kBytes * (static_cast<double>(tiles.count * p.c * coefficients) + (1 + accumulate) * dx);
    accumulate = true;
  });
  return bytes;
}

}  // namespace

ImplementationList mixed_sum() {
  return {
      with_traffic<MixedSumProblem, &sum_traffic>(implementation<MixedSum<float>, &sum_panels>("panels"))};
}
ImplementationList mixed_reduce() {
  return {with_traffic<MixedSumProblem, &reduce_traffic>(
      implementation<MixedReduce<float>, &reduce_chunks, nullptr, &reduce_workspace>("chunks"))};
}
ImplementationList branch_gradient() {
  return {with_traffic<BranchGradientProblem, &gradient_traffic>(
      implementation<BranchGradient<float>, &gradient_panels>("panels"))};
}
ImplementationList state_pools() {
  return {with_traffic<StatePoolsProblem, &pools_traffic>(
      implementation<StatePools<float>, &pools_tiles, nullptr, &pools_workspace>("tiles"))};
}
ImplementationList state_pools_dgrad() {
  return {with_traffic<StatePoolsBackwardProblem, &dgrad_traffic>(
      implementation<StatePoolsDgrad<float>, &dgrad_tiles>("tiles"))};
}

}  // namespace lapidary::cuda
