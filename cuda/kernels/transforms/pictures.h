// What the kernels of a chain of transforms read: pictures of one size, and the parameters of their steps.
#pragma once

#include <cstdint>

/// Interleaved pictures of h x w x c, as bytes (one of the two is null) or f32.
struct Pictures {
  const uint8_t* bytes;
  const float* floats;
  const int32_t* number;  ///< of the picture of each sample; null: the sample's own number
  int32_t h, w, c;

#ifdef __CUDACC__
  /// Where the values of sample n's picture begin.
  __device__ int64_t start_of(int64_t n) const { return (number ? number[n] : n) * (int64_t{h} * w * c); }
  /// Value i before the division by 255 that bytes ask for.
  __device__ float raw(int64_t i) const { return bytes ? static_cast<float>(bytes[i]) : floats[i]; }
  __device__ float value(int64_t i) const {
    return bytes ? static_cast<float>(bytes[i]) / 255.0f : floats[i];
  }
  __device__ float divided(float raw_sum) const { return bytes ? raw_sum / 255.0f : raw_sum; }
#endif
};

/// The data::kStepParameters parameters of a step, checked, a sample every `stride` floats (0: all the same).
struct StepParameters {
  const float* first;
  int64_t stride;

#ifdef __CUDACC__
  __device__ const float* of(int64_t n) const { return first + n * stride; }
#endif
};
