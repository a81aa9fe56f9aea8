// Host side of the depthwise convolutions: see cuda/kernels/conv2d_grouped/depthwise_*.cu.
#include "cuda/kernels/conv2d_depthwise.h"

#include "cuda/channel_block.h"
#include "cuda/kernels/conv2d_correlation.h"
#include "kernels/conv2d_grouped/depthwise_correlation.h"

namespace lapidary::cuda {
namespace {

std::string supports_depthwise(const Conv2dProblem& p) {
  return p.groups == p.c && p.groups == p.k ? "" : "it takes one channel a group, in and out";
}

/// Outputs and channels of a block.
struct CorrelationTile {
  int64_t width;  ///< channels a thread
  int64_t rows, columns;
  ChannelParts channels{1, 1};
  int64_t tile_floats = 0, filter_floats = 0;  ///< of shared memory
  int64_t blocks = 0;                          ///< for each part of the channels
  bool pays = true;                            ///< to load a tile

  /// As large as fits: 8 x 16 outputs of 32 channels, fewer where there are fewer or where the halo is wide.
  CorrelationTile(const Conv2dProblem& p, Direction direction)
      : width(channel_width({p.c, p.x_pixel(), p.y_pixel()})) {
    const CorrelationAxes axes(p, direction);
    const int64_t most_threads = width == 4 ? 256 : 512, vectors = p.c / width;
    rows = std::min<int64_t>(8, axes.rows.outs_of_longest_phase());
    columns = std::min<int64_t>(width == 4 ? 16 : 8, round_up(axes.columns.outs_of_longest_phase()));
    int64_t most_lanes = std::min<int64_t>(32, most_threads / (rows * columns / kDepthwiseStrip));
    while (true) {
      channels = ChannelParts(vectors, most_lanes);
      const int64_t block_channels = channels.lanes * width;
      const int64_t pixels = int64_t{axes.rows.longest_span(static_cast<int32_t>(rows))} *
                             axes.columns.longest_span(static_cast<int32_t>(columns));
      pays = tile_pays(pixels, rows * columns, int64_t{axes.rows.most_taps()} * axes.columns.most_taps());
      tile_floats = std::max(pixels * block_channels, p.statistics ? threads() * width : 0);
      filter_floats = p.r * p.s * (block_channels + width);
      if (fits()) break;
      if (rows > 2)
        rows = ceil_div(rows, 2);
      else if (columns > kDepthwiseStrip)
        columns = round_up(columns / 2);
      else if (most_lanes > 4)
        most_lanes /= 2;
      else if (rows > 1)
        rows = 1;
      else
        break;
    }
    blocks = p.n * axes.rows.phases() * axes.columns.phases() * axes.rows.tiles(static_cast<int32_t>(rows)) *
             axes.columns.tiles(static_cast<int32_t>(columns));
  }

  int64_t threads() const { return channels.lanes * slices(); }
  int64_t slices() const { return rows * (columns / kDepthwiseStrip); }
  size_t shared_bytes() const { return static_cast<size_t>(tile_floats + filter_floats) * sizeof(float); }
  bool fits() const { return shared_bytes() <= kSharedBytes; }
  std::string refusal() const {
    if (!fits()) return "no tile of inputs fits in shared memory";
    if (!pays) return "the taps are far apart";
    return blocks * channels.parts <= kMostBlocks ? "" : "the grid would have too many blocks";
  }

 private:
  static int64_t round_up(int64_t count) { return ceil_div(count, kDepthwiseStrip) * kDepthwiseStrip; }
};

template <Direction kDirection>
std::string supports_correlation(const Conv2dProblem& p) {
  if (std::string refusal = supports_depthwise(p); !refusal.empty()) return refusal;
  return CorrelationTile(p, kDirection).refusal();
}

/// The kernel that knows these columns, else the one for any.
std::string correlation_function(const CorrelationAxis& columns, int64_t width) {
  // dgrad's phases of a stride above 1 have different taps.
  const bool one_phase = columns.phases() == 1;
  const int32_t taps = columns.taps, stride = columns.stride, dilation = columns.dilation;
  const bool known = one_phase && ((taps == 3 || taps == 5) ? stride * dilation <= 2
                                                            : taps == 7 && stride == 1 && dilation == 1);
  return (known ? format("taps_%d_stride_%d_dilation_%d", taps, stride, dilation) : std::string("any")) +
         (width == 4 ? "_x4" : "_x1");
}

void launch_correlation(const CorrelationTile& tile, const Correlation& correlation, LaunchContext& context) {
  const std::string function = correlation_function(correlation.columns, tile.width);
  context.launch(
      {"depthwise_correlation", function}, {tile.blocks * tile.channels.parts},
      {tile.channels.lanes, tile.slices()},
      DepthwiseCorrelation{correlation, static_cast<int32_t>(tile.rows), static_cast<int32_t>(tile.columns),
                           static_cast<int32_t>(tile.tile_floats)},
      tile.shared_bytes());
}

void fprop_halo(const Conv2dProblem& p, const Conv2dFprop<float>& args, LaunchContext& context) {
  const CorrelationTile tile(p, Direction::Fprop);
  float* const statistics = static_cast<float*>(context.workspace);
  launch_correlation(tile, correlation_of(p, args, statistics), context);
  merge_statistics(p, args, statistics, tile.blocks, context);
}
size_t fprop_workspace(const Conv2dProblem& p) {
  return statistics_bytes(p, CorrelationTile(p, Direction::Fprop).blocks);
}

void dgrad_halo(const Conv2dProblem& p, const Conv2dDgrad<float>& args, LaunchContext& context) {
  launch_correlation(CorrelationTile(p, Direction::Dgrad), correlation_of(p, args), context);
}

template <Direction kDirection>
double correlation_bytes(const Conv2dProblem& p) {
  const CorrelationTile tile(p, kDirection);
  const CorrelationAxes axes(p, kDirection);
  const auto rows = static_cast<int32_t>(tile.rows), columns = static_cast<int32_t>(tile.columns);
  const double images = static_cast<double>(p.n), channels = static_cast<double>(p.c);
  const double tiles = images * axes.rows.tiles_with_outputs(rows) * axes.columns.tiles_with_outputs(columns);
  const double inputs = images * axes.rows.inputs_loaded(rows) * axes.columns.inputs_loaded(columns);
  const double threads = tiles * static_cast<double>(tile.slices());
  return 4 * channels * (inputs + static_cast<double>(p.r * p.s) * tiles) +
         fused_bytes(p, kDirection, threads * channels, tiles);
}

}  // namespace

Implementation depthwise_fprop() {
  return with_traffic<Conv2dProblem, &correlation_bytes<Direction::Fprop>>(
      implementation<Conv2dFprop<float>, &fprop_halo, &supports_correlation<Direction::Fprop>,
                     &fprop_workspace>("depthwise_halo"));
}
Implementation depthwise_dgrad() {
  return with_traffic<Conv2dProblem, &correlation_bytes<Direction::Dgrad>>(
      implementation<Conv2dDgrad<float>, &dgrad_halo, &supports_correlation<Direction::Dgrad>>(
          "depthwise_halo"));
}

}  // namespace lapidary::cuda
