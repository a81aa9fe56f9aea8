// The two layouts of direct grouped convolution: how a group's input lies in scratch, and the micro-kernel
// that reads it. Their kernels are the same otherwise, and templates over the layout.
//
// LanesApart, for groups narrower than a vector: a vector of channels spans several groups, and scratch has
// the input of every lane (lane_groups.h; lane_tile.h). WholeGroups, for groups that fill a vector or half of
// one: scratch has the channels of one group as they are, and the tile broadcasts them (group_tile.h).
#pragma once

#include "cpu/kernels/conv2d/group_tile.h"
#include "cpu/kernels/conv2d/lane_groups.h"
#include "cpu/kernels/conv2d/lane_tile.h"
#include "cpu/kernels/conv2d/padded_image.h"

namespace lapidary::cpu::LAPIDARY_ISA {

struct LanesApart {
  static constexpr int kLanesOfVector = kLanes;
  using Reader = LaneReader;
  static void sweep(const RowGrid& grid, const float* x, float* y, const RowSum& sum,
                    const TileEpilogue& epilogue) {
    sweep_lanes(grid, x, y, sum, epilogue);
  }
};

/// Copies the channels of one group.
class GroupReader {
 public:
  GroupReader(const LaneGroups& groups, int64_t vector, const PrologueScales* scales)
      : first_(groups.first_other(vector * groups.width)), channels_(groups.other), affine_(scales) {
    if (scales) scales_ = {scales->scale + first_, scales->shift + first_, nullptr, nullptr, scales->relu};
  }
  /// As LaneReader's.
  void copy(const float* image, int64_t h, int64_t w, int64_t pixel, const PaddedWindow& window, float* to,
            int64_t) const {
    if (affine_) return copy_padded(image + first_, h, w, channels_, pixel, window, &scales_, to);
    const auto [first, past] = columns_inside(w, window);
    const int64_t inside = past - first, from_step = window.col_step * pixel;
    clear_border(h, w, window, to);
    for_rows_inside(image + first_, h, pixel, w, window, to, [=, this](const float* from, float* at) {
      for (int64_t j = 0; j < inside; ++j, from += from_step) {
        prefetch_next_vector(from);
        for (int64_t c = 0; c < channels_; c += kLeastLanes, at += kLeastLanes)
          std::memcpy(at, from + c, kLeastLanes * sizeof(float));
      }
    });
  }

 private:
  int64_t first_, channels_;
  bool affine_;
  PrologueScales scales_;
};

template <int kWidth>
struct WholeGroups {
  static constexpr int kLanesOfVector = kWidth;
  using Reader = GroupReader;
  static void sweep(const RowGrid& grid, const float* x, float* y, const RowSum& sum,
                    const TileEpilogue& epilogue) {
    sweep_group<kWidth>(grid, x, y, sum, epilogue);
  }
};

/// The layouts and who takes what.
enum class Grouping { Depthwise, WholeGroups, NarrowGroups };

/// What a kernel needs to know of its layout before it runs.
struct GroupLayout {
  LaneGroups lanes;
  bool apart;
  int64_t planes() const { return apart ? lanes.other : 1; }
  int64_t pixel() const { return apart ? kLanes : lanes.other; }  ///< floats in a plane of scratch
  int64_t steps(const Conv2dProblem& p) const { return p.r * p.s * lanes.other; }
};

/// `own` and `other` are channels of a group, `channels` all of those that are lanes.
template <Grouping kGrouping>
inline GroupLayout group_layout(int64_t own, int64_t other, int64_t channels) {
  constexpr bool kApart = kGrouping != Grouping::WholeGroups;
  return {{own, other, channels, kApart ? int64_t{kLanes} : own}, kApart};
}

/// Why an implementation does not take these groups; empty: it does.
template <Grouping kGrouping>
inline std::string refuse_groups(const Conv2dProblem& p, int64_t own, int64_t other) {
  if (p.groups == 1) return "one group";
  if ((p.groups == p.c) != (kGrouping == Grouping::Depthwise))
    return p.groups == p.c ? "depthwise" : "groups != C";
  if constexpr (kGrouping == Grouping::WholeGroups) {
    constexpr int64_t kMostChannels = 32;
    if (own != kLanes && own != kLeastLanes) return "a group fills neither a vector nor half of one";
    if (other % kGroupChannels != 0 || other > kMostChannels)
      return "a group has not 8, 16, 24 or 32 channels";
  } else {
    if (own >= kLanes) return "a group fills a vector by itself";
    if (other > kMostPlanes) return "too many channels of a group to lay out";
  }
  return {};
}

/// The same for fprop and dgrad: with a stride, rows of whole vectors are short, and implicit_gemm, which
/// reads whole pixels, is as good or better.
template <Grouping kGrouping>
inline std::string refuse_swept_groups(const Conv2dProblem& p, int64_t own, int64_t other) {
  if (kGrouping == Grouping::WholeGroups && own == kLanes && p.stride_h * p.stride_w > 1)
    return "strided groups of whole vectors";
  return refuse_groups<kGrouping>(p, own, other);
}

/// Calls body with the layout as a type.
template <Grouping kGrouping, class Body>
inline void with_layout(const GroupLayout& layout, const Body& body) {
  if constexpr (kGrouping != Grouping::WholeGroups)
    body(LanesApart{});
  else if (layout.lanes.width == kLanes)
    body(WholeGroups<kLanes>{});
  else
    body(WholeGroups<kLeastLanes>{});
}

/// The implementations of this scheme, in order of preference.
Implementation conv2d_fprop_direct_depthwise();
Implementation conv2d_fprop_direct_whole_groups();
Implementation conv2d_fprop_direct_grouped();
Implementation conv2d_dgrad_direct_depthwise();
Implementation conv2d_dgrad_direct_whole_groups();
Implementation conv2d_dgrad_direct_grouped();
Implementation conv2d_wgrad_direct_depthwise();
Implementation conv2d_wgrad_direct_whole_groups();
Implementation conv2d_wgrad_direct_grouped();

}  // namespace lapidary::cpu::LAPIDARY_ISA
