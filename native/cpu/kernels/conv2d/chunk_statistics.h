// The statistics epilogue of fprop, last step: (mean, M2) of the chunks, merged in order (Chan et al.).
//
// Bytes: two floats a chunk and channel. FLOPs: 7 each. Run by the bench of the fprop implementations with
// statistics=1.
#pragma once

#include "cpu/kernels/kernel.h"
#include "ops/conv2d.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// How the outputs, n images of rows x cols, are cut: `group` images and `band` rows a chunk, the last ones
/// smaller.
struct OutputChunks {
  int64_t n, rows, cols;
  int64_t group, band;
  int64_t bands() const { return ceil_div(rows, band); }
  int64_t count() const { return ceil_div(n, group) * bands(); }
  int64_t pixels(int64_t chunk) const {
    const int64_t images = std::min(group, n - chunk / bands() * group);
    return images * std::min(band, rows - chunk % bands() * band) * cols;
  }
};

/// Floats between the means and the M2s of a chunk in `partial`.
inline int64_t statistics_floats(int64_t channels) { return round_up(channels, kLanes); }

inline size_t statistics_bytes(const OutputChunks& chunks, int64_t channels) {
  return static_cast<size_t>(chunks.count() * 2 * statistics_floats(channels)) * sizeof(float);
}

/// `partial`: [chunk][mean, M2][channel]; `chunks` has count() and pixels(chunk).
template <class Chunks>
void merge_chunks(const Chunks& chunks, int64_t channels, const float* partial, const Conv2dFprop<float>& a,
                  KernelContext& context) {
  const int64_t padded = statistics_floats(channels), count = chunks.count();
  for_ranges(context, padded / kLanes, ceil_div(4096, count), [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t block = begin; block < end; ++block) {
      double mean[kLanes] = {}, m2[kLanes] = {}, pixels = 0;
      for (int64_t chunk = 0; chunk < count; ++chunk) {
        const double n = static_cast<double>(chunks.pixels(chunk)), total = pixels + n;
        const double share = n / total, weight = pixels * share;
        const float* other = partial + chunk * 2 * padded + block * kLanes;
        for (int j = 0; j < kLanes; ++j) {
          const double delta = static_cast<double>(other[j]) - mean[j];
          mean[j] += delta * share;
          m2[j] += static_cast<double>(other[padded + j]) + delta * delta * weight;
        }
        pixels = total;
      }
      for (int64_t j = 0; j < std::min<int64_t>(kLanes, channels - block * kLanes); ++j) {
        a.mean[block * kLanes + j] = static_cast<float>(mean[j]);
        a.variance[block * kLanes + j] = static_cast<float>(m2[j] / pixels);
      }
    }
  });
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
