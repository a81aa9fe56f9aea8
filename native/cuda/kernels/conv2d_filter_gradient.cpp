// Host side of cuda/kernels/conv2d_grouped/{depthwise,grouped,direct}_filter_gradient.cu.
#include "cuda/kernels/conv2d_filter_gradient.h"

#include "cuda/channel_block.h"
#include "cuda/kernels/conv2d_correlation.h"
#include "kernels/conv2d_grouped/filter_gradient.h"
#include "kernels/conv2d_grouped/sum_partials.h"

namespace lapidary::cuda {
namespace {

constexpr int64_t round_up(int64_t count, int64_t size) { return ceil_div(count, size) * size; }

/// Blocks that keep a large device busy.
constexpr int64_t kWantedBlocks = 1024;

/// The outputs' units in chunks, so many that `parts` blocks for each of them keep the device busy.
struct Chunks {
  int64_t units, chunk_units, count;
  Chunks(int64_t all_units, int64_t parts)
      : units(all_units),
        chunk_units(ceil_div(units, std::clamp<int64_t>(ceil_div(kWantedBlocks, parts), 1, units))),
        count(ceil_div(units, chunk_units)) {}

  /// Of partial sums; a single chunk needs none.
  size_t workspace(const Conv2dProblem& p) const {
    return count == 1 ? 0 : static_cast<size_t>(count * p.filter_count()) * sizeof(float);
  }
  /// Of partial sums, written and read again, and dfilter.
  double bytes(const Conv2dProblem& p) const {
    const auto filter = static_cast<double>(p.filter_count());
    return 4 * filter * (count == 1 ? 1 : 2 * static_cast<double>(count) + 1);
  }
};

FilterGradient gradient_of(const Conv2dProblem& p, const Conv2dWgrad<float>& args, const Chunks& chunks,
                           const LaunchContext& context) {
  const CorrelationAxes axes(p, Direction::Fprop);
  FilterGradient made{};
  made.x = args.x, made.dy = args.dy;
  made.partials = chunks.count == 1 ? args.dfilter : static_cast<float*>(context.workspace);
  if (p.prologue != Prologue::None)
    made.prologue = {args.in_scale, args.in_shift, p.prologue == Prologue::AffineRelu};
  made.rows = axes.rows, made.columns = axes.columns;
  made.x_pixel = p.x_pixel(), made.y_pixel = p.y_pixel();
  made.filter_count = p.filter_count(), made.units = chunks.units, made.chunk_units = chunks.chunk_units;
  made.groups = static_cast<int32_t>(p.groups);
  made.group_ins = static_cast<int32_t>(p.c / p.groups),
  made.group_outs = static_cast<int32_t>(p.k / p.groups);
  return made;
}

void sum_chunks(const Conv2dProblem& p, const Conv2dWgrad<float>& args, const Chunks& chunks,
                LaunchContext& context) {
  if (chunks.count == 1) return;
  context.launch(
      {"sum_partials", "sum_partials"}, {ceil_div(p.filter_count(), kPartialElements)},
      {kPartialElements, kPartialSlices},
      SumPartials{static_cast<float*>(context.workspace), chunks.count, p.filter_count(), args.dfilter});
}

/// Elements of x that all tiles load, of one channel.
double inputs_loaded(const Conv2dProblem& p, int64_t rows, int64_t columns) {
  const CorrelationAxes axes(p, Direction::Fprop);
  return static_cast<double>(p.n) * axes.rows.inputs_loaded(static_cast<int32_t>(rows)) *
         axes.columns.inputs_loaded(static_cast<int32_t>(columns));
}
double outputs(const Conv2dProblem& p) { return static_cast<double>(p.n * p.p() * p.q()); }

int64_t tiles_of(const Conv2dProblem& p, int64_t rows, int64_t columns) {
  return p.n * ceil_div(p.p(), rows) * ceil_div(p.q(), columns);
}

struct DepthwiseTile {
  int64_t width;  ///< channels a thread
  int64_t rows, columns, slices = 1;
  ChannelParts channels{1, 1};
  int64_t x_floats = 0, dy_floats = 0;  ///< of shared memory
  bool pays = true;                     ///< to load a tile

  /// Up to 8 x 16 outputs of 32 channels, fewer where the halo is wide.
  explicit DepthwiseTile(const Conv2dProblem& p)
      : width(channel_width({p.c, p.x_pixel(), p.y_pixel()})),
        rows(std::min<int64_t>(8, p.p())),
        columns(std::min<int64_t>(16, round_up(p.q(), kGradientStrip))) {
    const CorrelationAxes axes(p, Direction::Fprop);
    int64_t most_lanes = 32 / width;
    while (true) {
      channels = ChannelParts(p.c / width, most_lanes);
      slices = std::clamp<int64_t>(512 / (channels.lanes * p.r), 1, rows);
      const int64_t block_channels = channels.lanes * width;
      const int64_t pixels = int64_t{axes.rows.longest_span(static_cast<int32_t>(rows))} *
                             axes.columns.longest_span(static_cast<int32_t>(columns));
      pays = tile_pays(pixels, rows * columns, p.r * p.s);
      x_floats = std::max(pixels * block_channels, channels.lanes * slices * p.r * width);
      dy_floats = rows * columns * block_channels;
      if (fits()) break;
      if (columns > 2 * kGradientStrip)
        columns = round_up(columns / 2, kGradientStrip);
      else if (rows > 4)
        rows = ceil_div(rows, 2);
      else if (most_lanes > 4)
        most_lanes /= 2;
      else if (columns > kGradientStrip)
        columns = kGradientStrip;
      else if (rows > 1)
        rows = ceil_div(rows, 2);
      else
        break;
    }
  }
  Chunks chunks(const Conv2dProblem& p) const { return {tiles_of(p, rows, columns), channels.parts}; }
  size_t shared_bytes() const { return static_cast<size_t>(x_floats + dy_floats) * sizeof(float); }
  bool fits() const { return shared_bytes() <= kSharedBytes; }
};

std::string supports_depthwise(const Conv2dProblem& p) {
  if (p.groups != p.c || p.groups != p.k) return "it takes one channel a group, in and out";
  const bool known = (p.s == 3 || p.s == 5) ? p.stride_w * p.dilation_w <= 2
                                            : p.s == 7 && p.stride_w == 1 && p.dilation_w == 1;
  if (!known || p.r > 16) return "no kernel is made for this width, stride and dilation";
  const DepthwiseTile tile(p);
  if (!tile.fits()) return "no tile of inputs fits in shared memory";
  return tile.pays ? "" : "the taps are far apart";
}
void depthwise_halo(const Conv2dProblem& p, const Conv2dWgrad<float>& args, LaunchContext& context) {
  const DepthwiseTile tile(p);
  const Chunks chunks = tile.chunks(p);
  const std::string function =
      format("taps_%lld_stride_%lld_dilation_%lld_x%lld", static_cast<long long>(p.s),
             static_cast<long long>(p.stride_w), static_cast<long long>(p.dilation_w),
             static_cast<long long>(tile.width));
  context.launch(
      {"depthwise_filter_gradient", function}, {chunks.count * tile.channels.parts},
      {tile.channels.lanes, tile.slices, p.r},
      DepthwiseFilterGradient{gradient_of(p, args, chunks, context), static_cast<int32_t>(tile.rows),
                              static_cast<int32_t>(tile.columns), static_cast<int32_t>(tile.channels.parts),
                              static_cast<int32_t>(tile.x_floats)},
      tile.shared_bytes());
  sum_chunks(p, args, chunks, context);
}
size_t depthwise_workspace(const Conv2dProblem& p) { return DepthwiseTile(p).chunks(p).workspace(p); }
double depthwise_bytes(const Conv2dProblem& p) {
  const DepthwiseTile tile(p);
  const Chunks chunks = tile.chunks(p);
  const double scales = p.prologue == Prologue::None
                            ? 0
                            : 2 * static_cast<double>(chunks.count * tile.slices * p.r * tile.channels.parts *
                                                      tile.channels.lanes * tile.width);
  return 4 * (static_cast<double>(p.c) * (inputs_loaded(p, tile.rows, tile.columns) + outputs(p)) + scales) +
         chunks.bytes(p);
}

struct GroupTile {
  int64_t ins, outs;            ///< channels a group
  int64_t in_width, out_width;  ///< of a vector
  int64_t block_ins, in_parts, block_outs, out_parts, block_groups, group_parts;
  int64_t rows, columns;
  int64_t items = 0, item_parts = 0, lanes = 0, slices = 0;
  int64_t x_floats = 0, dy_floats = 0;  ///< of shared memory
  bool pays = true;                     ///< to load a tile

  /// Up to 32 channels on either side, as far as 8 x 8 outputs of them fit.
  explicit GroupTile(const Conv2dProblem& p)
      : ins(p.c / p.groups),
        outs(p.k / p.groups),
        in_width(ins >= 3 ? 4 : 1),
        out_width(outs >= 3 ? 4 : 1),
        rows(std::min<int64_t>(8, p.p())),
        columns(std::min<int64_t>(8, p.q())) {
    const CorrelationAxes axes(p, Direction::Fprop);
    int64_t most_channels = 32;
    while (true) {
      split(ins, in_width, most_channels, block_ins, in_parts);
      split(outs, out_width, most_channels, block_outs, out_parts);
      block_groups = in_parts * out_parts > 1
                         ? 1
                         : std::clamp<int64_t>(most_channels / std::max(block_ins, block_outs), 1, p.groups);
      group_parts = ceil_div(p.groups, block_groups);
      items = p.r * p.s * block_groups * (block_ins / in_width) * (block_outs / out_width);
      item_parts = ceil_div(items, 256);
      lanes = ceil_div(items, item_parts);
      slices = std::clamp<int64_t>(256 / lanes, 1, rows * columns);
      const int64_t pixels = int64_t{axes.rows.longest_span(static_cast<int32_t>(rows))} *
                             axes.columns.longest_span(static_cast<int32_t>(columns));
      pays = tile_pays(pixels, rows * columns, p.r * p.s);
      x_floats = round_up(std::max(pixels * block_groups * block_ins, lanes * slices * in_width), 4);
      dy_floats = rows * columns * block_groups * block_outs;
      if (fits()) break;
      if (rows > 4)
        rows = ceil_div(rows, 2);
      else if (most_channels > 8)
        most_channels /= 2;
      else if (rows > 1)
        rows = ceil_div(rows, 2);
      else if (columns > 1)
        columns = ceil_div(columns, 2);
      else if (most_channels > 4)
        most_channels = 4;
      else
        break;
    }
  }
  int64_t parts() const { return group_parts * in_parts * out_parts * item_parts; }
  Chunks chunks(const Conv2dProblem& p) const { return {tiles_of(p, rows, columns), parts()}; }
  size_t shared_bytes() const { return static_cast<size_t>(x_floats + dy_floats) * sizeof(float); }
  bool fits() const { return shared_bytes() <= kSharedBytes; }

 private:
  static void split(int64_t channels, int64_t width, int64_t most, int64_t& block, int64_t& parts) {
    const int64_t vectors = ceil_div(channels, width), most_vectors = std::max<int64_t>(most / width, 1);
    block = ceil_div(vectors, ceil_div(vectors, most_vectors)) * width;
    parts = ceil_div(vectors * width, block);
  }
};

std::string supports_tile(const Conv2dProblem& p) {
  if (p.groups == 1) return "it takes several groups";
  const GroupTile tile(p);
  if (!tile.fits()) return "no tile of inputs fits in shared memory";
  if (!tile.pays) return "the taps are far apart";
  return tile.parts() * tile.chunks(p).count <= kMostBlocks ? "" : "the grid would have too many blocks";
}
void group_tile(const Conv2dProblem& p, const Conv2dWgrad<float>& args, LaunchContext& context) {
  const GroupTile tile(p);
  const Chunks chunks = tile.chunks(p);
  const char* const function = tile.in_width == 4 ? (tile.out_width == 4 ? "ins_4_outs_4" : "ins_4_outs_1")
                                                  : (tile.out_width == 4 ? "ins_1_outs_4" : "ins_1_outs_1");
  const auto narrow = [](int64_t value) { return static_cast<int32_t>(value); };
  context.launch(
      {"grouped_filter_gradient", function}, {chunks.count * tile.parts()}, {tile.lanes, tile.slices},
      GroupedFilterGradient{gradient_of(p, args, chunks, context), narrow(tile.rows), narrow(tile.columns),
                            narrow(tile.block_groups), narrow(tile.block_ins), narrow(tile.block_outs),
                            narrow(tile.group_parts), narrow(tile.in_parts), narrow(tile.out_parts),
                            narrow(tile.items), narrow(tile.item_parts), narrow(tile.x_floats),
                            tile.ins % tile.in_width == 0 && p.x_pixel() % tile.in_width == 0,
                            tile.outs % tile.out_width == 0 && p.y_pixel() % tile.out_width == 0},
      tile.shared_bytes());
  sum_chunks(p, args, chunks, context);
}
size_t tile_workspace(const Conv2dProblem& p) { return GroupTile(p).chunks(p).workspace(p); }
double tile_bytes(const Conv2dProblem& p) {
  const GroupTile tile(p);
  const Chunks chunks = tile.chunks(p);
  const auto item_parts = static_cast<double>(tile.item_parts);
  const double x = inputs_loaded(p, tile.rows, tile.columns) * static_cast<double>(p.c * tile.out_parts);
  const double dy = outputs(p) * static_cast<double>(p.k * tile.in_parts);
  // For each tile, a thread loads scale and shift of its inputs.
  const int64_t threads = tile.lanes * tile.slices;
  const int64_t vectors = tile.block_groups * tile.block_ins / tile.in_width;
  const int64_t scaled = threads / std::min(threads, vectors) * vectors * tile.in_width;  // by one tile
  const double scales = p.prologue == Prologue::None ? 0
                                                     : 2 * static_cast<double>(chunks.units * tile.parts()) *
                                                           static_cast<double>(scaled);
  return 4 * ((x + dy) * item_parts + scales) + chunks.bytes(p);
}

/// Rows of dy in chunks, for parts of the filter's elements.
int64_t element_parts(const Conv2dProblem& p) { return ceil_div(p.filter_count(), kDirectElements); }
Chunks direct_chunks(const Conv2dProblem& p) { return {p.n * p.p(), element_parts(p)}; }

std::string supports_several_groups(const Conv2dProblem& p) {
  return p.groups > 1 ? "" : "it takes several groups";
}
void group_direct(const Conv2dProblem& p, const Conv2dWgrad<float>& args, LaunchContext& context) {
  const Chunks chunks = direct_chunks(p);
  context.launch({"direct_filter_gradient", "direct_filter_gradient"}, {chunks.count * element_parts(p)},
                 {kDirectElements},
                 DirectFilterGradient{gradient_of(p, args, chunks, context), element_parts(p)});
  sum_chunks(p, args, chunks, context);
}
size_t direct_workspace(const Conv2dProblem& p) { return direct_chunks(p).workspace(p); }
double direct_bytes(const Conv2dProblem& p) {
  const CorrelationAxes axes(p, Direction::Fprop);
  const Chunks chunks = direct_chunks(p);
  const int64_t group_channels = p.c / p.groups;
  const auto elements = static_cast<double>(p.k * group_channels);
  const double macs = static_cast<double>(p.n) * axes.rows.taps_met() * axes.columns.taps_met() * elements;
  const double scales =
      p.prologue == Prologue::None ? 0 : 2 * static_cast<double>(chunks.count * p.filter_count());
  return 4 * (2 * macs + scales) + chunks.bytes(p);
}

}  // namespace

Implementation depthwise_wgrad() {
  return with_traffic<Conv2dProblem, &depthwise_bytes>(
      implementation<Conv2dWgrad<float>, &depthwise_halo, &supports_depthwise, &depthwise_workspace>(
          "depthwise_halo"));
}
Implementation grouped_tile_wgrad() {
  return with_traffic<Conv2dProblem, &tile_bytes>(
      implementation<Conv2dWgrad<float>, &group_tile, &supports_tile, &tile_workspace>("group_tile"));
}
Implementation grouped_direct_wgrad() {
  return with_traffic<Conv2dProblem, &direct_bytes>(
      implementation<Conv2dWgrad<float>, &group_direct, &supports_several_groups, &direct_workspace>(
          "group_direct"));
}

}  // namespace lapidary::cuda
