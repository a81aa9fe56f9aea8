// Host side of the separable convolutions of a mixedState: see cuda/kernels/mixed_state/.
#include <algorithm>
#include <string>
#include <vector>

#include "cuda/kernels/tile_statistics.h"
#include "cuda/launch_context.h"
#include "kernels/mixed_state/separable_fprop.h"
#include "ops/mixed_state.h"

namespace lapidary::cuda {
namespace {

constexpr double kBytes = sizeof(float);

SeparableShape shape_of(const SeparableProblem& p) {
  return {p.n, p.h, p.w, p.p(), p.q(), static_cast<int32_t>(p.c), p.eps};
}
int panel_of(const SeparableProblem& p) { return separable_panel(p.c); }
OutputTiles tiles_of(const SeparableProblem& p) { return separable_tiles(p.n, p.p(), p.q(), panel_of(p)); }

/// A half (of FactorizedReduce) of a branch, or all of it.
struct PathPlace {
  size_t branch;
  int32_t half = 0;
};
std::vector<PathPlace> paths_of(const SeparableProblem& p) {
  std::vector<PathPlace> places;
  for (size_t b = 0; b < p.taps.size(); ++b) {
    places.push_back({b, 0});
    if (p.factorized(b)) places.push_back({b, 1});
  }
  return places;
}

template <class Args>
SeparablePath path_at(const SeparableProblem& p, const Args& args, PathPlace at) {
  const size_t b = at.branch;
  SeparablePath path{};
  path.x = args.x[p.normed ? b : 0];
  if (p.normed) path.mean = args.mean[b], path.variance = args.variance[b];
  path.taps = static_cast<int32_t>(p.taps[b]), path.dilation = static_cast<int32_t>(p.dilations[b]);
  if (p.factorized(b)) {
    const auto half = static_cast<int32_t>(p.c / 2);
    path.pointwise = at.half == 0 ? args.first[b] : args.second[b];
    path.origin = at.half, path.first_out = at.half * half, path.outs = half;
  } else {
    path.depthwise = args.first[b], path.pointwise = args.second[b];
    path.origin = -static_cast<int32_t>(p.pad(b)), path.outs = static_cast<int32_t>(p.c);
  }
  return path;
}

/// Runs of paths for one launch each: [begin, end), whole branches, at most kSeparablePaths.
template <class Body>
void for_launches(const std::vector<PathPlace>& paths, const Body& body) {
  for (size_t begin = 0; begin < paths.size();) {
    size_t end = std::min(begin + kSeparablePaths, paths.size());
    if (end < paths.size() && paths[end].half == 1) --end;
    body(begin, end);
    begin = end;
  }
}

/// Where the paths [begin, end) that share an x begin: at most `most` of them, or, when normed, those of a
/// branch.
std::vector<size_t> group_begins(const SeparableProblem& p, const std::vector<PathPlace>& paths, size_t begin,
                                 size_t end, size_t most) {
  std::vector<size_t> begins;
  for (size_t i = begin; i < end; ++i) {
    const bool starts = p.normed ? paths[i].half == 0 : (i - begin) % most == 0;
    if (starts) begins.push_back(i);
  }
  begins.push_back(end);
  return begins;
}

/// From the first to the last tap of several paths, relative to an output's position.
struct Window {
  int32_t first = 0, reach = 0;
};
template <class Paths>
Window window_of(const Paths& paths, size_t count) {
  int32_t first = paths[0].origin, last = first;
  for (size_t i = 0; i < count; ++i) {
    first = std::min(first, paths[i].origin);
    last = std::max(last, paths[i].origin + (paths[i].taps - 1) * paths[i].dilation);
  }
  return {first, last - first};
}

/// The name of a function that is there for each panel and stride: "<name>_16_1".
std::string function_name(const char* name, int panel, int64_t stride) {
  return std::string(name) + "_" + std::to_string(panel) + "_" + std::to_string(stride);
}

/// body(panel, stride) with both as constants.
template <class Body>
auto with_panel(const SeparableProblem& p, const Body& body) {
  const int panel = panel_of(p);
  if (panel == 16) return body(std::integral_constant<int, 16>{});
  if (panel == 32) return body(std::integral_constant<int, 32>{});
  return body(std::integral_constant<int, 64>{});
}

size_t fprop_workspace(const SeparableProblem& p) {
  return p.statistics ? static_cast<size_t>(tiles_of(p).count * p.branches() * 2 * p.c) * sizeof(float) : 0;
}

void fprop_tiles(const SeparableProblem& p, const SeparableFprop<float>& args, LaunchContext& context) {
  const std::vector<PathPlace> paths = paths_of(p);
  SeparableFpropParameters parameters{
      shape_of(p), tiles_of(p), static_cast<int32_t>(ceil_div(p.c, panel_of(p))), 0, 0, {}, {}};
  const OutputTiles& tiles = parameters.tiles;
  auto* partials = static_cast<float*>(context.workspace);
  std::vector<TileStatistics> statistics;
  for_launches(paths, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      SeparableFpropPath& path = parameters.path[i - begin];
      const size_t b = paths[i].branch;
      static_cast<SeparablePath&>(path) = path_at(p, args, paths[i]);
      path.y = args.y[b], path.partials = nullptr;
      if (!p.statistics) continue;
      path.partials = partials, partials += 2 * tiles.count * path.outs;
      statistics.push_back(
          {path.partials, args.y_mean[b] + path.first_out, args.y_variance[b] + path.first_out, path.outs});
    }
    const std::vector<size_t> groups =
        group_begins(p, paths, begin, end, static_cast<size_t>(separable_group(static_cast<int>(p.stride))));
    for (size_t g = 0; g < groups.size(); ++g)
      parameters.group_begin[g] = static_cast<uint8_t>(groups[g] - begin);
    const Window window = window_of(parameters.path, end - begin);
    parameters.first_tap = window.first, parameters.reach = window.reach;
    with_panel(p, [&](auto panel) {
      using Tile = SeparableTile<panel>;
      const TileInputs inputs(Tile::kRows, Tile::kColumns, static_cast<int>(p.stride), window.reach,
                              Tile::kColumns);
      context.launch({"separable_fprop", function_name("separable_fprop", panel, p.stride)},
                     {tiles.count * parameters.panels, static_cast<int64_t>(groups.size()) - 1},
                     {kSeparableThreads}, parameters,
                     sizeof(float) * static_cast<size_t>(separable_fprop_shared<panel>(inputs)));
    });
  });
  merge_tile_statistics(context, tiles, statistics);
}

}  // namespace

ImplementationList separable_fprop() {
  return {implementation<SeparableFprop<float>, &fprop_tiles, nullptr, &fprop_workspace>("tiles")};
}
ImplementationList separable_backward() { return {}; }

}  // namespace lapidary::cuda
