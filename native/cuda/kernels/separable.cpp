// Host side of the separable convolutions of a mixedState: see cuda/kernels/mixed_state/.
#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "cuda/kernels/tile_statistics.h"
#include "cuda/kernels/tile_traffic.h"
#include "cuda/launch_context.h"
#include "kernels/mixed_state/separable_backward.h"
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

/// A path without its pointers.
SeparablePath path_at(const SeparableProblem& p, PathPlace at) {
  const size_t b = at.branch;
  SeparablePath path{};
  path.taps = static_cast<int32_t>(p.taps[b]), path.dilation = static_cast<int32_t>(p.dilations[b]);
  if (p.factorized(b)) {
    const auto half = static_cast<int32_t>(p.c / 2);
    path.origin = at.half, path.first_out = at.half * half, path.outs = half;
  } else {
    path.origin = -static_cast<int32_t>(p.pad(b)), path.outs = static_cast<int32_t>(p.c);
  }
  return path;
}
template <class Args>
SeparablePath path_at(const SeparableProblem& p, const Args& args, PathPlace at) {
  const size_t b = at.branch;
  SeparablePath path = path_at(p, at);
  path.x = args.x[p.normed ? b : 0];
  if (p.normed) path.mean = args.mean[b], path.variance = args.variance[b];
  if (p.factorized(b))
    path.pointwise = at.half == 0 ? args.first[b] : args.second[b];
  else
    path.depthwise = args.first[b], path.pointwise = args.second[b];
  return path;
}
/// Weights of the depthwise filter.
int64_t depthwise_values(const SeparableProblem& p, const SeparablePath& path) {
  return path.taps > 1 ? p.c * path.taps * path.taps : 0;
}
/// Of y's channels: panels that a path has.
int64_t panels_of(const SeparableProblem& p, const SeparablePath& path) {
  return ceil_div(path.outs, panel_of(p));
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

/// Writes where groups of the paths [begin, end) begin, and the end: those of a branch when normed, else
/// `most` of them at a time. Returns how many groups there are.
int64_t set_groups(const SeparableProblem& p, std::span<const PathPlace> paths, size_t most,
                   std::array<uint8_t, kSeparablePaths + 1>& begins) {
  size_t groups = 0;
  for (size_t i = 0; i < paths.size(); ++i)
    if (p.normed ? paths[i].half == 0 : i % most == 0) begins.at(groups++) = static_cast<uint8_t>(i);
  begins.at(groups) = static_cast<uint8_t>(paths.size());
  return static_cast<int64_t>(groups);
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
    const auto most = static_cast<size_t>(separable_group(static_cast<int>(p.stride)));
    const int64_t groups =
        set_groups(p, std::span(paths).subspan(begin, end - begin), most, parameters.group_begin);
    const Window window = window_of(parameters.path, end - begin);
    parameters.first_tap = window.first, parameters.reach = window.reach;
    with_panel(p, [&](auto panel) {
      using Tile = SeparableTile<panel>;
      const TileInputs inputs(Tile::kRows, Tile::kColumns, static_cast<int>(p.stride), window.reach,
                              Tile::kColumns);
      context.launch({"separable_fprop", function_name("separable_fprop", panel, p.stride)},
                     {tiles.count * parameters.panels, groups}, {kSeparableThreads}, parameters,
                     sizeof(float) * static_cast<size_t>(separable_fprop_shared<panel>(inputs)));
    });
  });
  merge_tile_statistics(context, tiles, statistics);
}

/// Inputs that all tiles of y read under a window, all channels.
int64_t window_inputs(const SeparableProblem& p, Window window) {
  const OutputTiles tiles = tiles_of(p);
  const auto along = [&](int64_t count, int64_t size, int64_t extent) {
    return read_along(count, window.first, size * p.stride, (size - 1) * p.stride + 1 + window.reach, extent);
  };
  return p.n * along(tiles.down, tiles.height, p.h) * along(tiles.across, tiles.width, p.w) * p.c;
}

double fprop_traffic(const SeparableProblem& p) {
  const std::vector<PathPlace> places = paths_of(p);
  const OutputTiles tiles = tiles_of(p);
  const auto most = static_cast<size_t>(separable_group(static_cast<int>(p.stride)));
  int64_t floats = 0;
  for_launches(places, [&](size_t begin, size_t end) {
    std::vector<SeparablePath> paths;
    for (size_t i = begin; i < end; ++i) paths.push_back(path_at(p, places[i]));
    const int64_t inputs = window_inputs(p, window_of(paths, paths.size()));
    std::array<uint8_t, kSeparablePaths + 1> begins{};
    const int64_t groups = set_groups(p, std::span(places).subspan(begin, end - begin), most, begins);
    for (size_t g = 0; g < static_cast<size_t>(groups); ++g) {
      int64_t panels = 0;
      for (size_t i = begins.at(g); i < begins.at(g + 1); ++i) {
        const SeparablePath& path = paths[i];
        panels = std::max(panels, panels_of(p, path));
        floats += tiles.count * (panels_of(p, path) * depthwise_values(p, path) + path.outs * p.c);
        floats += tiles.outputs() * path.outs;
      }
      floats += panels * (inputs + (p.normed ? tiles.count * 2 * p.c : 0));
    }
  });
  const double statistics =
      p.statistics ? static_cast<double>(p.branches()) * tile_statistics_traffic(tiles, p.c) : 0;
  return kBytes * static_cast<double>(floats) + statistics;
}

OutputTiles dx_tiles_of(const SeparableProblem& p) {
  return {p.n, p.h, p.w, kDxRows, dx_columns(static_cast<int>(p.stride))};
}

/// Floats of workspace: the gradients between the filters of all paths, the sums of dx, those of the filters.
struct BackwardWorkspace {
  int64_t between, dx_sums, filter_sums = 0;
  explicit BackwardWorkspace(const SeparableProblem& p)
      : between(static_cast<int64_t>(paths_of(p).size()) * p.y_count()),
        dx_sums(p.dx && p.normed ? p.branches() * dx_tiles_of(p).count * 2 * p.c : 0) {
    for (size_t b = 0; p.dfilters && b < p.taps.size(); ++b)
      filter_sums += FilterChunks(tiles_of(p).count).count * (p.first_count(b) + p.second_count(b));
  }
  size_t bytes() const { return static_cast<size_t>(between + dx_sums + filter_sums) * sizeof(float); }
};
size_t backward_workspace(const SeparableProblem& p) { return BackwardWorkspace(p).bytes(); }

/// One launch's paths [begin, end), their pointers moved on through the workspace.
class BackwardLaunches {
 public:
  BackwardLaunches(const SeparableProblem& p, const SeparableBackward<float>& args, LaunchContext& context)
      : p_(p),
        args_(args),
        context_(context),
        panel_(panel_of(p)),
        paths_(paths_of(p)),
        parameters_{shape_of(p),
                    tiles_of(p),
                    dx_tiles_of(p),
                    static_cast<int32_t>(ceil_div(p.c, panel_)),
                    p.accumulate && !p.normed,
                    p.training,
                    {},
                    {}},
        between_(static_cast<float*>(context.workspace)),
        dx_sums_(between_ + BackwardWorkspace(p).between),
        filter_sums_(dx_sums_ + BackwardWorkspace(p).dx_sums) {}

  void run() {
    for_launches(paths_, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) set_path(paths_[i], parameters_.path[i - begin]);
      const auto count = static_cast<int64_t>(end - begin);
      through_pointwise(count);
      if (p_.dx) through_depthwise(begin, end);
      if (p_.dfilters) filters(count);
      parameters_.accumulate = !p_.normed;  // what further launches do
    });
  }

 private:
  void set_path(PathPlace place, SeparableBackwardPath& path) {
    const size_t b = place.branch, input = p_.normed ? b : 0;
    path = {};
    static_cast<SeparablePath&>(path) = path_at(p_, args_, place);
    path.g = args_.g[b], path.y = args_.y[b], path.coefficients = args_.coefficients[b];
    path.dt = between_, between_ += p_.y_count();
    if (p_.dx) path.dx = args_.dx[input];
    if (p_.dx && p_.normed) {
      path.dx_coefficients = args_.dx_coefficients[b], path.dx_sums = dx_sums_;
      if (place.half == 0) dx_sums_ += parameters_.dx_tiles.count * 2 * p_.c;
    }
    if (!p_.dfilters) return;
    path.filter_sums = filter_sums_;
    filter_sums_ += FilterChunks(parameters_.tiles.count).count * path.filter_values(parameters_.shape.c);
    path.dpointwise = p_.factorized(b) && place.half == 0 ? args_.dfirst[b] : args_.dsecond[b];
    if (!p_.factorized(b)) path.ddepthwise = args_.dfirst[b];
  }

  void through_pointwise(int64_t paths) {
    const int64_t blocks = ceil_div(p_.n * p_.p() * p_.q(), 2048 / panel_);
    context_.launch({"separable_pointwise_dgrad", "separable_pointwise_dgrad_" + std::to_string(panel_)},
                    {blocks * parameters_.panels, paths}, {kSeparableThreads}, parameters_);
  }

  void through_depthwise(size_t begin, size_t end) {
    const size_t paths = end - begin;
    const int64_t count =
        set_groups(p_, std::span(paths_).subspan(begin, paths), paths, parameters_.group_begin);
    context_.launch({"separable_depthwise_dgrad", "separable_depthwise_dgrad_" + std::to_string(p_.stride)},
                    {parameters_.dx_tiles.count * dx_slices(p_.c), count}, {kSeparableThreads}, parameters_);
    if (!p_.normed) return;
    context_.launch({"separable_depthwise_dgrad", "separable_dx_coefficients"}, {ceil_div(p_.c, 32), count},
                    {256}, parameters_);
  }

  void filters(int64_t paths) {
    int64_t values = 0;
    int reach = 0;
    for (int64_t i = 0; i < paths; ++i) {
      const SeparableBackwardPath& path = parameters_.path[i];
      values = std::max(values, path.filter_values(parameters_.shape.c));
      reach = std::max(reach, (path.taps - 1) * path.dilation);
    }
    with_panel(p_, [&](auto panel) {
      using Tile = SeparableTile<panel>;
      const TileInputs inputs(Tile::kRows, Tile::kColumns, static_cast<int>(p_.stride), reach,
                              Tile::kColumns);
      const int64_t chunks = FilterChunks(parameters_.tiles.count).count;
      context_.launch({"separable_wgrad", function_name("separable_wgrad", panel, p_.stride)},
                      {chunks * parameters_.panels * ceil_div(p_.c, Tile::kSlice), paths},
                      {kSeparableThreads}, parameters_,
                      sizeof(float) * static_cast<size_t>(separable_wgrad_shared<panel>(inputs)));
    });
    context_.launch({"separable_wgrad", "separable_wgrad_sum"}, {ceil_div(values, 256), paths}, {256},
                    parameters_);
  }

  const SeparableProblem& p_;
  const SeparableBackward<float>& args_;
  LaunchContext& context_;
  const int panel_;
  const std::vector<PathPlace> paths_;
  SeparableBackwardParameters parameters_;
  float *between_, *dx_sums_, *filter_sums_;
};

void backward_tiles(const SeparableProblem& p, const SeparableBackward<float>& args, LaunchContext& context) {
  BackwardLaunches(p, args, context).run();
}

/// Floats of one path through separable_pointwise_dgrad.
int64_t pointwise_dgrad_floats(const SeparableProblem& p, const SeparablePath& path) {
  const int64_t pixels = tiles_of(p).outputs(), blocks = ceil_div(pixels, 2048 / panel_of(p));
  const int64_t panels = ceil_div(p.c, panel_of(p));
  return panels * (2 * pixels + 3 * blocks) * path.outs + blocks * path.outs * p.c + pixels * p.c;
}
/// Floats of one path through separable_depthwise_dgrad, without what its group shares.
int64_t depthwise_dgrad_floats(const SeparableProblem& p, const SeparablePath& path) {
  const auto stride = static_cast<int>(p.stride);
  const OutputTiles tiles = dx_tiles_of(p);
  const ReachingOutputs reach(path.taps, path.dilation, path.origin, stride);
  const int64_t rows = read_along(tiles.down, reach.first, kDxRows / stride, reach.rows, p.p());
  const int64_t columns = read_along(tiles.across, reach.first, dx_columns(1), reach.columns, p.q());
  return p.n * rows * columns * p.c + tiles.count * depthwise_values(p, path);
}
/// Floats of one path through separable_wgrad and separable_wgrad_sum.
int64_t wgrad_floats(const SeparableProblem& p, const SeparablePath& path) {
  const OutputTiles tiles = tiles_of(p);
  const int64_t chunks = FilterChunks(tiles.count).count, slices = ceil_div(p.c, panel_of(p) / 2);
  const int64_t panels = panels_of(p, path), depthwise = depthwise_values(p, path);
  const int64_t inputs = window_inputs(p, {path.origin, (path.taps - 1) * path.dilation});
  const int64_t constants = panels * ((p.normed ? 2 * p.c : 0) + depthwise) + slices * 3 * path.outs;
  const int64_t filters = path.outs * p.c + depthwise;
  return panels * inputs + slices * 2 * tiles.outputs() * path.outs +
         (path.taps > 1 ? tiles.outputs() * p.c : 0) + chunks * (constants + 2 * filters) + filters;
}
double backward_traffic(const SeparableProblem& p) {
  const std::vector<PathPlace> places = paths_of(p);
  int64_t floats = 0;
  for (const PathPlace& place : places) {
    const SeparablePath path = path_at(p, place);
    floats += pointwise_dgrad_floats(p, path);
    if (p.dx) floats += depthwise_dgrad_floats(p, path);
    if (p.dfilters) floats += wgrad_floats(p, path);
  }
  if (p.dx && p.normed) {
    // A branch's x, dx and constants; sums of dx written and read; coefficients.
    floats += p.branches() * (2 * p.x_count() + (6 * dx_tiles_of(p).count + 5) * p.c);
  } else if (p.dx) {
    bool accumulate = p.accumulate;
    for_launches(places,
                 [&](size_t, size_t) { floats += (2 + accumulate) * p.x_count(), accumulate = true; });
  }
  return kBytes * static_cast<double>(floats);
}

}  // namespace

ImplementationList separable_fprop() {
  return {with_traffic<SeparableProblem, &fprop_traffic>(
      implementation<SeparableFprop<float>, &fprop_tiles, nullptr, &fprop_workspace>("tiles"))};
}
ImplementationList separable_backward() {
  return {with_traffic<SeparableProblem, &backward_traffic>(
      implementation<SeparableBackward<float>, &backward_tiles, nullptr, &backward_workspace>("tiles"))};
}

}  // namespace lapidary::cuda
