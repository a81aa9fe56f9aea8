// Host side of the convolutions of several groups: see cuda/kernels/conv2d_grouped/grouped_correlation.cu and
// direct_correlation.cu; the depthwise ones and the gradients of filters are beside this file.
#include "cuda/kernels/conv2d_grouped.h"

#include "cuda/kernels/conv2d_correlation.h"
#include "cuda/kernels/conv2d_depthwise.h"
#include "cuda/kernels/conv2d_filter_gradient.h"
#include "kernels/conv2d_grouped/direct_correlation.h"
#include "kernels/conv2d_grouped/grouped_correlation.h"

namespace lapidary::cuda {
namespace {

constexpr int64_t round_up(int64_t count, int64_t size) { return ceil_div(count, size) * size; }

/// Outputs and channels of a block.
struct GroupTile {
  int64_t ins, outs;            ///< channels a group
  int64_t in_width, out_width;  ///< of a vector, and of a thread
  int64_t block_outs, out_parts, chunk_ins, block_groups, group_parts;
  int64_t rows, columns;
  int64_t tile_floats = 0, filter_floats = 0;  ///< of shared memory
  int64_t tiles = 0;                           ///< of outputs
  bool pays = true;                            ///< to load a tile

  /// Up to 64 output channels by 256 threads, as far as it fits.
  GroupTile(const Conv2dProblem& p, Direction direction)
      : ins((direction == Direction::Fprop ? p.c : p.k) / p.groups),
        outs((direction == Direction::Fprop ? p.k : p.c) / p.groups),
        in_width(ins >= 3 ? 4 : 1),
        out_width(outs >= 3 ? 4 : 1) {
    const CorrelationAxes axes(p, direction);
    const int64_t padded_ins = round_up(ins, in_width), padded_outs = round_up(outs, out_width);
    out_parts = ceil_div(padded_outs, 64);
    block_outs = round_up(ceil_div(padded_outs, out_parts), out_width);
    out_parts = ceil_div(padded_outs, block_outs);
    chunk_ins = std::min<int64_t>(padded_ins, 16);
    block_groups = std::clamp<int64_t>(std::min(64 / block_outs, 32 / chunk_ins), 1, p.groups);
    const int64_t most_strips = 256 / (block_groups * block_outs / out_width);
    columns = std::min({int64_t{16}, round_up(axes.columns.outs_of_longest_phase(), kGroupedStrip),
                        most_strips * kGroupedStrip});
    rows = std::min({int64_t{8}, int64_t{axes.rows.outs_of_longest_phase()},
                     std::max<int64_t>(most_strips / (columns / kGroupedStrip), 1)});
    for (measure(p, axes); !fits() && shrink(); measure(p, axes)) {
    }
    group_parts = ceil_div(p.groups, block_groups);
    tiles = p.n * axes.rows.phases() * axes.columns.phases() * axes.rows.tiles(static_cast<int32_t>(rows)) *
            axes.columns.tiles(static_cast<int32_t>(columns));
  }

  int64_t lanes() const { return block_groups * block_outs / out_width; }
  int64_t slices() const { return rows * (columns / kGroupedStrip); }
  int64_t grid() const { return tiles * group_parts * out_parts; }
  size_t shared_bytes() const { return static_cast<size_t>(tile_floats + filter_floats) * sizeof(float); }
  bool fits() const { return shared_bytes() <= kSharedBytes; }

 private:
  void measure(const Conv2dProblem& p, const CorrelationAxes& axes) {
    const int64_t pixels = int64_t{axes.rows.longest_span(static_cast<int32_t>(rows))} *
                           axes.columns.longest_span(static_cast<int32_t>(columns));
    pays = tile_pays(pixels, rows * columns, int64_t{axes.rows.most_taps()} * axes.columns.most_taps());
    const int64_t scratch = p.statistics ? lanes() * slices() * out_width : 0;
    tile_floats = round_up(std::max(pixels * block_groups * chunk_ins, scratch), 4);
    filter_floats = axes.columns.most_taps() * chunk_ins * (block_groups * block_outs + kGroupedFilterPad);
  }
  /// Whether there was something to make smaller.
  bool shrink() {
    if (rows > 4)
      rows = ceil_div(rows, 2);
    else if (chunk_ins > 8)
      chunk_ins = round_up(chunk_ins / 2, in_width);
    else if (block_groups > 4)
      block_groups /= 2;
    else if (rows > 1)
      rows = ceil_div(rows, 2);
    else if (columns > kGroupedStrip)
      columns = round_up(columns / 2, kGroupedStrip);
    else if (block_groups > 1)
      block_groups /= 2;
    else if (chunk_ins > in_width)
      chunk_ins = round_up(chunk_ins / 2, in_width);
    else
      return false;
    return true;
  }
};

template <Direction kDirection>
std::string supports_tile(const Conv2dProblem& p) {
  if (p.groups == 1) return "it takes several groups";
  const GroupTile tile(p, kDirection);
  if (!tile.fits()) return "no tile of inputs fits in shared memory";
  if (!tile.pays) return "the taps are far apart";
  return tile.grid() <= kMostBlocks ? "" : "the grid would have too many blocks";
}

void launch_tile(const GroupTile& tile, const Correlation& correlation, LaunchContext& context) {
  const bool residual = correlation.epilogue.residual_pixel % 4 == 0;
  const char* const function = tile.in_width == 4 ? (tile.out_width == 4 ? "ins_4_outs_4" : "ins_4_outs_1")
                                                  : (tile.out_width == 4 ? "ins_1_outs_4" : "ins_1_outs_1");
  context.launch(
      {"grouped_correlation", function}, {tile.grid()}, {tile.lanes(), tile.slices()},
      GroupedCorrelation{
          correlation, static_cast<int32_t>(tile.rows), static_cast<int32_t>(tile.columns),
          static_cast<int32_t>(tile.block_groups), static_cast<int32_t>(tile.block_outs),
          static_cast<int32_t>(tile.out_parts), static_cast<int32_t>(tile.chunk_ins),
          static_cast<int32_t>(tile.tile_floats),
          tile.ins % tile.in_width == 0 && correlation.in_pixel % tile.in_width == 0,
          tile.outs % tile.out_width == 0 && correlation.out_pixel % tile.out_width == 0 && residual},
      tile.shared_bytes());
}

void fprop_tile(const Conv2dProblem& p, const Conv2dFprop<float>& args, LaunchContext& context) {
  const GroupTile tile(p, Direction::Fprop);
  float* const statistics = static_cast<float*>(context.workspace);
  launch_tile(tile, correlation_of(p, args, statistics), context);
  merge_statistics(p, args, statistics, tile.tiles, context);
}
size_t fprop_tile_workspace(const Conv2dProblem& p) {
  return statistics_bytes(p, GroupTile(p, Direction::Fprop).tiles);
}
void dgrad_tile(const Conv2dProblem& p, const Conv2dDgrad<float>& args, LaunchContext& context) {
  launch_tile(GroupTile(p, Direction::Dgrad), correlation_of(p, args), context);
}

template <Direction kDirection>
double tile_bytes(const Conv2dProblem& p) {
  const GroupTile tile(p, kDirection);
  const CorrelationAxes axes(p, kDirection);
  const auto rows = static_cast<int32_t>(tile.rows), columns = static_cast<int32_t>(tile.columns);
  const auto in_channels = static_cast<double>(p.groups * tile.ins);
  const auto out_channels = static_cast<double>(p.groups * tile.outs), images = static_cast<double>(p.n);
  const double inputs = axes.rows.inputs_loaded(rows) * axes.columns.inputs_loaded(columns) * in_channels *
                        static_cast<double>(tile.out_parts);
  const double weights = axes.rows.taps_loaded(rows) * axes.columns.taps_loaded(columns) *
                         static_cast<double>(tile.ins) * out_channels;
  const double tiles = images * axes.rows.tiles_with_outputs(rows) * axes.columns.tiles_with_outputs(columns);
  // Each thread loads scale and bias of its outputs, and in every chunk scale and shift of its inputs.
  const auto slices = static_cast<double>(tile.slices());
  const double out_loads = (p.scale + p.bias) * tiles * slices * out_channels;
  const double blocks = tiles * static_cast<double>(tile.group_parts * tile.out_parts);
  const int64_t threads = tile.lanes() * tile.slices();
  const int64_t vectors = tile.block_groups * tile.chunk_ins / tile.in_width;
  const int64_t scaled = threads / std::min(threads, vectors) * vectors * tile.in_width *
                         ceil_div(tile.ins, tile.chunk_ins);  // by one block
  const double in_loads = p.prologue == Prologue::None ? 0 : 2 * blocks * static_cast<double>(scaled);
  return 4 * (images * (inputs + weights) + (kDirection == Direction::Fprop ? out_loads + in_loads : 0)) +
         fused_bytes(p, kDirection, 0, tiles);
}

int64_t direct_blocks(const Conv2dProblem& p, Direction direction) {
  const int64_t pixels = direction == Direction::Fprop ? p.n * p.p() * p.q() : p.n * p.h * p.w;
  return ceil_div(pixels, kDirectSlices * kDirectOutputs);
}
void launch_direct(const Correlation& correlation, int64_t blocks, LaunchContext& context) {
  const int64_t parts = ceil_div(int64_t{correlation.groups} * correlation.group_outs, kDirectChannels);
  context.launch({"direct_correlation", "direct_correlation"}, {blocks * parts},
                 {kDirectChannels, kDirectSlices}, DirectCorrelation{correlation, parts});
}
void fprop_direct(const Conv2dProblem& p, const Conv2dFprop<float>& args, LaunchContext& context) {
  float* const statistics = static_cast<float*>(context.workspace);
  const int64_t blocks = direct_blocks(p, Direction::Fprop);
  launch_direct(correlation_of(p, args, statistics), blocks, context);
  merge_statistics(p, args, statistics, blocks, context);
}
size_t fprop_direct_workspace(const Conv2dProblem& p) {
  return statistics_bytes(p, direct_blocks(p, Direction::Fprop));
}
void dgrad_direct(const Conv2dProblem& p, const Conv2dDgrad<float>& args, LaunchContext& context) {
  launch_direct(correlation_of(p, args), direct_blocks(p, Direction::Dgrad), context);
}
template <Direction kDirection>
double direct_bytes(const Conv2dProblem& p) {
  const CorrelationAxes axes(p, kDirection);
  const bool fprop = kDirection == Direction::Fprop, prologue = fprop && p.prologue != Prologue::None;
  const double pairs = axes.rows.taps_met() * axes.columns.taps_met();
  const int64_t group_channels = p.c / p.groups;
  const double macs = static_cast<double>(p.n) * pairs * static_cast<double>(p.k * group_channels);
  const double slices = static_cast<double>(direct_blocks(p, kDirection) * kDirectSlices);
  const double out_loads = fprop ? (p.scale + p.bias) * slices * static_cast<double>(p.k) : 0;
  return 4 * (macs * (prologue ? 4 : 2) + out_loads) +
         fused_bytes(p, kDirection, 0, static_cast<double>(direct_blocks(p, kDirection)));
}
std::string supports_several_groups(const Conv2dProblem& p) {
  return p.groups > 1 ? "" : "it takes several groups";
}

}  // namespace

ImplementationList grouped_fprop() {
  return {depthwise_fprop(),
          with_traffic<Conv2dProblem, &tile_bytes<Direction::Fprop>>(
              implementation<Conv2dFprop<float>, &fprop_tile, &supports_tile<Direction::Fprop>,
                             &fprop_tile_workspace>("group_tile")),
          with_traffic<Conv2dProblem, &direct_bytes<Direction::Fprop>>(
              implementation<Conv2dFprop<float>, &fprop_direct, &supports_several_groups,
                             &fprop_direct_workspace>("group_direct"))};
}
ImplementationList grouped_dgrad() {
  return {
      depthwise_dgrad(),
      with_traffic<Conv2dProblem, &tile_bytes<Direction::Dgrad>>(
          implementation<Conv2dDgrad<float>, &dgrad_tile, &supports_tile<Direction::Dgrad>>("group_tile")),
      with_traffic<Conv2dProblem, &direct_bytes<Direction::Dgrad>>(
          implementation<Conv2dDgrad<float>, &dgrad_direct, &supports_several_groups>("group_direct"))};
}
ImplementationList grouped_wgrad() {
  return {depthwise_wgrad(), grouped_tile_wgrad(), grouped_direct_wgrad()};
}

}  // namespace lapidary::cuda
