// Sums of exponentials relative to their maximum, in one pass over the values (Milakov and Gimelshein 2018).
#pragma once

/// sum of exp(x - most) = ones + rest, where `ones` counts the maxima: the logarithm of a sum that one
/// maximum dominates then keeps the digits of the rest.
struct Exponentials {
  float most = -INFINITY, ones = 0, rest = 0;

  __device__ void add(float x) {
    if (x > most) {
      rest = (ones + rest) * expf(most - x);
      most = x, ones = 1;
    } else if (x == most) {
      ones += 1;
    } else {
      rest += expf(x - most);  // NaN of a NaN
    }
  }
  /// Relative to `all`, which is at least `most`.
  __device__ void relate(float all) {
    if (all == most) return;
    rest = (ones + rest) * expf(most - all);
    most = all, ones = 0;
  }
};

/// log(ones + rest), where ones is at least 1.
__device__ inline float log_of_sum(float ones, float rest) { return log1pf((ones - 1) + rest); }
