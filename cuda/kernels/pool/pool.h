// Parameters of pool_fprop.cu and pool_dgrad.cu.
#pragma once

#include <cstdint>

/// Threads of a block at most, and slices of a split window.
inline constexpr int32_t kPoolThreads = 256, kPoolSlices = 8;

/// The part [begin, end) of a range of windows or of taps along one axis.
struct PoolRange {
  int32_t begin, end;
  constexpr int32_t size() const { return end > begin ? end - begin : 0; }
};

/// Windows along one axis.
struct PoolAxis {
  int32_t ins, outs, taps, stride, pad;

  /// The valid part of window `out`.
  constexpr PoolRange window(int32_t out) const {
    const int32_t first = out * stride - pad, end = first + taps;
    return {first < 0 ? 0 : first, end > ins ? ins : end};
  }
  /// The windows that contain position `in`.
  constexpr PoolRange windows_over(int32_t in) const {
    const int32_t lowest = in + pad - taps + 1, end = (in + pad) / stride + 1;  // lowest: of first * stride
    return {lowest <= 0 ? 0 : (lowest + stride - 1) / stride, end > outs ? outs : end};
  }
};

struct PoolWindows {
  PoolAxis rows, columns;
  int32_t images, channels;
  bool count_padding;

  constexpr float share(PoolRange row_taps, PoolRange column_taps) const {
    return 1.0f / static_cast<float>(count_padding ? rows.taps * columns.taps
                                                   : row_taps.size() * column_taps.size());
  }
};

struct PoolForward {
  PoolWindows windows;
  const float* x;
  float* y;
  int32_t* index;  ///< of max
};

struct PoolBackward {
  PoolWindows windows;
  const float* dy;
  const int32_t* index;  ///< of max
  float* dx;
};
