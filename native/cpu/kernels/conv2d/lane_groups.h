// Grouped convolution with a vector of channels a register: which channels of the other tensor each lane
// reads, and the copy that puts them there.
//
// Where a group is narrower than a vector, a vector of outputs spans several groups, and lane by lane it
// needs different inputs. The copy into zero-padded scratch lays them out: plane j holds, for every pixel and
// lane, channel j of that lane's group. From there on the convolution is depthwise, with R S planes taps, and
// no lane is wasted on another group's channels. A depthwise convolution has one plane, which is the input
// itself.
//
// Bytes: a vector's channels of the input once, planes times a vector written to scratch. Prologue: one
// multiply-add and one maximum an element read.
#pragma once

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "cpu/kernels/conv2d/padded_image.h"
#include "cpu/kernels/register_tile.h"
#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// A group has `own` channels in the tensor whose channels are the lanes, `other` in the one that is read.
struct LaneGroups {
  int64_t own, other;
  int64_t channels;  ///< of the tensor whose channels are the lanes
  int64_t width;     ///< lanes of a vector
  int64_t vectors() const { return ceil_div(channels, width); }
  int64_t lanes(int64_t vector) const { return std::min(width, channels - vector * width); }
  /// Channel of the other tensor that plane 0 holds for this channel.
  int64_t first_other(int64_t channel) const { return channel / own * other; }
};

inline constexpr int64_t kMostPlanes = 16;

/// The first `count` floats (at most a vector) from memory, the others 0; reads nothing beyond.
static inline Vec load_first(const float* p, int64_t count) {
  if (count >= kLanes) return load(p);
#ifdef __AVX512F__
  return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p));
#else
  return load_tail(p, count);
#endif
}

/// Lane i is lane index[i] of the two vectors side by side.
static inline Vec choose_lanes(Vec low, Vec high, IntVec index) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vec>(_mm512_permutex2var_ps(
      reinterpret_cast<__m512>(low), reinterpret_cast<__m512i>(index), reinterpret_cast<__m512>(high)));
#elif defined(__AVX2__)
  const __m256i at = reinterpret_cast<__m256i>(index);
  const __m256 from_low = _mm256_permutevar8x32_ps(reinterpret_cast<__m256>(low), at),
               from_high = _mm256_permutevar8x32_ps(reinterpret_cast<__m256>(high), at);
  return reinterpret_cast<Vec>(
      _mm256_blendv_ps(from_low, from_high, _mm256_castsi256_ps(_mm256_slli_epi32(at, 28))));
#else
  float both[2 * kLanes];
  store(both, low), store(both + kLanes, high);
  Vec chosen{};
  for (int lane = 0; lane < kLanes; ++lane) chosen[lane] = both[index[lane]];
  return chosen;
#endif
}

/// Reads one vector's channels out of pixels.
class LaneReader {
 public:
  /// `scales` null: without a prologue.
  LaneReader(const LaneGroups& groups, int64_t vector, const PrologueScales* scales)
      : planes_(groups.other), affine_(scales != nullptr), relu_(scales && scales->relu) {
    const int64_t lanes = groups.lanes(vector), channel = vector * kLanes;
    first_ = groups.first_other(channel);
    span_ = groups.first_other(channel + lanes - 1) + planes_ - first_;
    vectors_ = ceil_div(span_, kLanes);
    identity_ = groups.own == 1 && planes_ == 1;
    for (int64_t lane = 0; !identity_ && lane < kLanes; ++lane)
      index_[lane] =
          static_cast<int32_t>(lane < lanes ? groups.first_other(channel + lane) - first_ : int64_t{0});
    if (!scales) return;
    for (int64_t v = 0; v < vectors_; ++v) {
      scale_[v] = load_first(scales->scale + first_ + v * kLanes, span_ - v * kLanes);
      shift_[v] = load_first(scales->shift + first_ + v * kLanes, span_ - v * kLanes);
    }
  }

  /// Copies an h x w image, pixels `pixel` floats apart, into `window` (of kLanes floats a pixel), planes
  /// `plane_floats` apart.
  void copy(const float* image, int64_t h, int64_t w, int64_t pixel, const PaddedWindow& window, float* to,
            int64_t plane_floats) const {
    with_flag(affine_, [&](auto affine) {
      if (identity_ && span_ == kLanes)
        copy_as<affine>(image, h, w, pixel, window, to, [](const float* from, auto&& activate, float* at) {
          store(at, activate(load(from), 0));
        });
      else if (identity_)
        copy_as<affine>(image, h, w, pixel, window, to,
                        [this](const float* from, auto&& activate, float* at) {
                          store(at, activate(load_first(from, span_), 0));
                        });
      else if (vectors_ <= 2)
        copy_as<affine>(
            image, h, w, pixel, window, to, [=, this](const float* from, auto&& activate, float* at) {
              const Vec low = activate(load_first(from, span_), 0);
              const Vec high = vectors_ == 1 ? low : activate(load_first(from + kLanes, span_ - kLanes), 1);
              IntVec index = index_;
              for (int64_t plane = 0; plane < planes_; ++plane, index += 1, at += plane_floats)
                store(at, choose_lanes(low, high, index));
            });
      else
        copy_as<affine>(
            image, h, w, pixel, window, to, [=, this](const float* from, auto&& activate, float* at) {
              float read[kMostPlanes * kLanes];
              for (int64_t v = 0; v < vectors_; ++v)
                store(read + v * kLanes, activate(load_first(from + v * kLanes, span_ - v * kLanes), v));
              for (int64_t plane = 0; plane < planes_; ++plane, at += plane_floats)
                for (int lane = 0; lane < kLanes; ++lane) at[lane] = read[index_[lane] + plane];
            });
    });
    for (int64_t plane = 0; plane < planes_; ++plane) clear_border(h, w, window, to + plane * plane_floats);
  }

 private:
  template <bool kAffine, class CopyPixel>
  void copy_as(const float* image, int64_t h, int64_t w, int64_t pixel, const PaddedWindow& window, float* to,
               const CopyPixel& copy_pixel) const {
    const auto activate = [this](Vec v, int64_t at) {
      if constexpr (kAffine) {
        v = v * scale_[at] + shift_[at];
        if (relu_) v = relu(v);
      }
      return v;
    };
    const auto [first, past] = columns_inside(w, window);
    const int64_t count = past - first;
    for_rows_inside(image + first_, h, pixel, w, window, to, [&](const float* from, float* at) {
      for (int64_t j = 0; j < count; ++j, from += window.col_step * pixel, at += kLanes) {
        prefetch_next_vector(from);
        copy_pixel(from, activate, at);
      }
    });
  }

  int64_t planes_, first_, span_, vectors_;
  bool affine_, relu_, identity_;
  IntVec index_;  ///< of plane 0, counted from the first channel that is read
  Vec scale_[kMostPlanes], shift_[kMostPlanes];
};

}  // namespace lapidary::cpu::LAPIDARY_ISA
