// fprop and dgrad as one computation: a correlation along each axis, which host and device describe alike.
//
// Output o of a phase takes taps i = 0, 1, ... at input  o * in_stride + in_first + i * tap_step. fprop has
// one phase. dgrad with stride S has S of them: positions h with the same (h + pad) mod S meet the same taps,
// and those meet neighbouring gradients, so each phase is a correlation of stride 1.
#pragma once

#include <cstdint>

/// One phase of an axis.
struct CorrelationPhase {
  int32_t outs;       ///< outputs of the phase; may be none
  int32_t out_first;  ///< where its output 0 lies
  int32_t out_step;
  int32_t in_stride, in_first;
  int32_t taps;  ///< of the filter's; none: the outputs are 0
  int32_t tap_step;
  int32_t tap_first, tap_stride;  ///< tap i is the filter's  tap_first + i * tap_stride

  /// Inputs between the first that `tile` outputs need and the last, both included.
  constexpr int32_t span(int32_t tile) const {
    return taps == 0 ? 0 : (tile - 1) * in_stride + (taps - 1) * tap_step + 1;
  }
};

struct CorrelationAxis {
  int32_t ins, outs, taps, stride, dilation, pad;
  bool transposed;  ///< dgrad: `ins` are of dy, `outs` of dx

  constexpr int32_t phases() const { return transposed ? stride : 1; }
  constexpr int32_t outs_of_longest_phase() const { return (outs + phases() - 1) / phases(); }

  constexpr CorrelationPhase phase(int32_t number) const {
    if (!transposed) return {outs, 0, 1, stride, -pad, taps, dilation, 0, 1};
    CorrelationPhase made{};
    made.out_first = ((number - pad) % stride + stride) % stride;
    made.outs = made.out_first < outs ? (outs - made.out_first + stride - 1) / stride : 0;
    made.out_step = stride;
    made.in_stride = 1;
    int32_t first = 0, period = 1;  // of the taps that this phase meets
    while (first < taps && first < stride && first * dilation % stride != number) ++first;
    while (period * dilation % stride != 0) ++period;
    if (first >= taps || first >= stride) return made;
    made.taps = (taps - 1 - first) / period + 1;
    made.tap_step = period * dilation / stride;
    // Going up the inputs goes down the taps.
    made.tap_first = first + (made.taps - 1) * period;
    made.tap_stride = -period;
    made.in_first = (made.out_first + pad - number) / stride + (number - first * dilation) / stride -
                    (made.taps - 1) * made.tap_step;
    return made;
  }

  /// The longest span of any phase.
  constexpr int32_t longest_span(int32_t tile) const {
    int32_t longest = 0;
    for (int32_t number = 0; number < phases(); ++number) {
      const int32_t span = phase(number).span(tile);
      if (span > longest) longest = span;
    }
    return longest;
  }
  constexpr int32_t most_taps() const {
    int32_t most = 0;
    for (int32_t number = 0; number < phases(); ++number)
      if (phase(number).taps > most) most = phase(number).taps;
    return most;
  }
  constexpr int32_t tiles(int32_t tile) const { return (outs_of_longest_phase() + tile - 1) / tile; }

  /// Inputs that the tiles of all phases load, where each loads the part of its span that there is.
  constexpr double inputs_loaded(int32_t tile) const {
    double sum = 0;
    for (int32_t number = 0; number < phases(); ++number) {
      const CorrelationPhase of = phase(number);
      for (int32_t first = 0; first < of.outs; first += tile) {
        const int32_t begin = first * of.in_stride + of.in_first, end = begin + of.span(tile);
        const int32_t low = begin < 0 ? 0 : begin, high = end > ins ? ins : end;
        if (high > low) sum += high - low;
      }
    }
    return sum;
  }
  /// Taps that all outputs together have inside the input.
  constexpr double taps_met() const {
    double sum = 0;
    for (int32_t number = 0; number < phases(); ++number) {
      const CorrelationPhase of = phase(number);
      for (int32_t out = 0; out < of.outs; ++out) {
        for (int32_t tap = 0; tap < of.taps; ++tap) {
          const int32_t in = out * of.in_stride + of.in_first + tap * of.tap_step;
          sum += in >= 0 && in < ins;
        }
      }
    }
    return sum;
  }
  /// Taps of the filter that the tiles of all phases load.
  constexpr double taps_loaded(int32_t tile) const {
    double sum = 0;
    for (int32_t number = 0; number < phases(); ++number)
      sum += static_cast<double>((phase(number).outs + tile - 1) / tile) * phase(number).taps;
    return sum;
  }
  /// Tiles that have outputs, over all phases.
  constexpr double tiles_with_outputs(int32_t tile) const {
    double sum = 0;
    for (int32_t number = 0; number < phases(); ++number) sum += (phase(number).outs + tile - 1) / tile;
    return sum;
  }
};

/// What is applied to the input as it is read; null: nothing.
struct InputPrologue {
  const float* scale;
  const float* shift;
  bool relu;
};

/// What is applied to a sum before it is stored; null: not that. fprop: scale to ceiling; dgrad: the rest.
struct OutputEpilogue {
  const float* scale;
  const float* bias;
  const float* residual;
  int64_t residual_pixel;  ///< elements between its pixels; those below lie as the output does
  float floor, ceiling;
  const float* addend;
  const float* rectified;
  float greatest_open;
};

/// A convolution's fprop or dgrad, without the tile.
struct Correlation {
  const float* in;
  const float* filter;
  float* out;
  /// Of fprop's output, a triple (count, mean, sum of squares around it) a block and channel; null: none.
  float* statistics;
  InputPrologue prologue;
  OutputEpilogue epilogue;
  CorrelationAxis rows, columns;
  int32_t images;
  int32_t groups, group_ins, group_outs;  ///< channels a group
  int64_t in_pixel, out_pixel;            ///< elements between neighbouring pixels
  /// Elements of the filter between neighbours.
  int64_t filter_group, filter_in, filter_out, filter_tap;
};
