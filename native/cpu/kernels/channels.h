// Vectors over a channel-last tensor [rows, channels] whatever the number of channels.
//
// A *period* is the shortest run of whole rows that is also a run of whole vectors (at least four of them):
// the pattern of channels repeats from one period to the next. Per-channel parameters are repeated to a
// period's length once, and then every loop is a loop over whole vectors, for 3 channels as for 64. Where a
// period would be long (an odd number of channels beyond 128), it is one row, and the row's last vector is
// partial.
#pragma once

#include <array>
#include <numeric>

#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {

class Period {
 public:
  explicit Period(int64_t channels) : channels_(channels) {
    const int64_t whole = std::lcm(channels, int64_t{kLanes}), least = int64_t{4} * kLanes;
    length_ = whole > 2048                                      ? channels
              : round_up(least, whole) > 2048 || whole >= least ? whole
                                                                : round_up(least, whole);
  }
  int64_t channels() const { return channels_; }
  int64_t length() const { return length_; }
  int64_t rows() const { return length_ / channels_; }

  /// The parameters of one period: `values` itself where a period is a row, else repeated into `table`
  /// (length floats).
  const float* repeat(const float* values, float* table) const {
    if (length_ == channels_) return values;
    for (int64_t at = 0; at < length_; at += channels_) std::copy_n(values, channels_, table + at);
    return table;
  }
  /// Bytes for `tables` repeated parameters.
  size_t table_bytes(int64_t tables) const {
    return length_ == channels_ ? 0 : static_cast<size_t>(tables * length_) * sizeof(float);
  }

 private:
  int64_t channels_, length_;
};

/// body(i, j, lanes): element i of the tensor, j of the period, for rows begin..end-1 (begin a multiple of
/// period.rows()).
template <class Body>
inline void for_channel_vectors(const Period& period, int64_t begin, int64_t end, const Body& body) {
  const int64_t length = period.length(), last = end * period.channels();
  for (int64_t start = begin * period.channels(); start < last; start += length) {
    for_vectors(0, std::min(length, last - start), [&](int64_t j, auto lanes) { body(start + j, j, lanes); });
  }
}

/// The same over all rows in parallel; `body` should capture by value, as for parallel_vectors.
template <class Body>
void parallel_channel_vectors(KernelContext& context, const Period& period, int64_t rows, const Body& body) {
  const int64_t grain = std::max<int64_t>(kStreamGrain / period.length(), 1);
  for_ranges(context, ceil_div(rows, period.rows()), grain, [&](int64_t begin, int64_t end, int64_t, int) {
    const Body own = body;
    for_channel_vectors(period, begin * period.rows(), std::min(end * period.rows(), rows), own);
  });
}

/// How rows are split into chunks whose partial sums are merged in order: a function of rows and channels
/// only.
struct RowChunks {
  int64_t rows, size, count;
  RowChunks(int64_t all, const Period& period) : rows(all) {
    constexpr int64_t kLeastRows = 32;  // fewer are not worth a partial sum of every channel
    const int64_t periods = ceil_div(all, period.rows()),
                  grain = std::max(kStreamGrain / period.length(), ceil_div(kLeastRows, period.rows()));
    const int64_t chunks = std::clamp<int64_t>(ceil_div(periods, grain), 1, 128);
    size = std::max<int64_t>(ceil_div(periods, chunks), 1) * period.rows();
    count = std::max<int64_t>(ceil_div(all, size), 1);
  }
  int64_t begin(int64_t chunk) const { return chunk * size; }
  int64_t end(int64_t chunk) const { return std::min((chunk + 1) * size, rows); }
};

/// Bytes of scratch that sum_channels needs.
inline size_t sum_channels_bytes(const Period& period, int sums) {
  return static_cast<size_t>(sums * period.length()) * sizeof(double);
}

/// totals[s * channels + c] = sum over rows begin..end-1 of terms(i, j, lanes)[s]. Sums of at most a few
/// hundred floats are held in registers, then added in double.
template <int kSums, class Terms>
inline void sum_channels(const Period& period, int64_t begin, int64_t end, double* scratch, double* totals,
                         Terms&& terms) {
  constexpr int kUnroll = 4;
  const int64_t length = period.length(), channels = period.channels();
  const int64_t last = end * channels, block = std::max<int64_t>(4096 / length, 16) * length;
  std::fill_n(scratch, kSums * length, 0.0);
  const auto flush = [&](int64_t j, const std::array<Vec, kSums>& sums, int64_t lanes) {
    for (int s = 0; s < kSums; ++s) {
      for (int64_t lane = 0; lane < lanes; ++lane)
        scratch[s * length + j + lane] += static_cast<double>(sums[s][lane]);
    }
  };
  for (int64_t start = begin * channels; start < last; start += block) {
    const int64_t stop = std::min(start + block, last), whole = start + (stop - start) / length * length;
    int64_t j = 0;
    for (; j + kUnroll * kLanes <= length; j += kUnroll * kLanes) {
      std::array<Vec, kSums> sums[kUnroll] = {};
      for (int64_t i = start + j; i < whole; i += length) {
        for (int u = 0; u < kUnroll; ++u) {
          const std::array<Vec, kSums> term = terms(i + u * kLanes, j + u * kLanes, Full{});
          for (int s = 0; s < kSums; ++s) sums[u][s] += term[s];
        }
      }
      for (int u = 0; u < kUnroll; ++u) flush(j + u * kLanes, sums[u], Full{});
    }
    for_vectors(j, length, [&](int64_t at, auto lanes) {
      std::array<Vec, kSums> sums = {};
      for (int64_t i = start + at; i < whole; i += length) {
        const std::array<Vec, kSums> term = terms(i, at, lanes);
        for (int s = 0; s < kSums; ++s) sums[s] += term[s];
      }
      flush(at, sums, lanes);
    });
    for_vectors(0, stop - whole,
                [&](int64_t at, auto lanes) { flush(at, terms(whole + at, at, lanes), lanes); });
  }
  for (int s = 0; s < kSums; ++s) {
    for (int64_t c = 0; c < channels; ++c) {
      double total = 0;
      for (int64_t j = c; j < length; j += channels) total += scratch[s * length + j];
      totals[s * channels + c] = total;
    }
  }
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
