// Parameters of batch_norm_fold.cu.
#pragma once

#include <cstdint>

/// How running statistics follow those of a batch.
struct RunningUpdate {
  float keep, momentum;     ///< running = keep running + momentum batch,
  float variance_momentum;  ///< which for the variance turns the biased into the unbiased estimate

  RunningUpdate(float batch_momentum, int64_t rows) {
    const double unbiased = rows > 1 ? static_cast<double>(rows) / static_cast<double>(rows - 1) : 1;
    keep = static_cast<float>(1 - double{batch_momentum}), momentum = batch_momentum;
    variance_momentum = static_cast<float>(batch_momentum * unbiased);
  }
};

struct BatchNormFoldParameters {
  int64_t channels;
  const float *mean, *variance;
  const float *gamma, *beta;               ///< null: 1 and 0
  float *running_mean, *running_variance;  ///< null: not updated
  float *scale, *shift, *invstd;
  float eps;
  RunningUpdate update;
};

struct RunningStatisticsParameters {
  static constexpr int kMostNorms = 120;
  int64_t channels;
  RunningUpdate update;
  struct Norm {
    const float *mean, *variance;
    float *running_mean, *running_variance;
  } norms[kMostNorms];
};
