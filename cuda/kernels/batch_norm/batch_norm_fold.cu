// batch_norm_fold: by channel, invstd = 1 / sqrt(variance + eps), scale = gamma invstd, shift = beta - mean
// scale, and the running statistics moved towards those of the batch; running_statistics: that move for
// several normalisations.
//
// Variants: one; a thread a channel, and for running_statistics a row of blocks a normalisation.
// Bytes: fold 4 channels (5, 2 more when affine, 4 more with the update); running_statistics 24 channels
// norms.
// FLOPs: about 10 a channel. Roofline: the launch.
//
// Bench: lapidary bench --device cuda --kernel batch_norm_fold
#include "kernels/batch_norm/batch_norm_fold.h"

namespace {

__device__ void move_running(const RunningUpdate& by, float& running_mean, float& running_variance,
                             float mean, float variance) {
  running_mean = by.keep * running_mean + by.momentum * mean;
  running_variance = by.keep * running_variance + by.variance_momentum * variance;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(128) batch_norm_fold(const BatchNormFoldParameters p) {
  const int64_t c = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (c >= p.channels) return;
  const float mean = p.mean[c], variance = p.variance[c];
  const float invstd = 1.0f / sqrtf(variance + p.eps), scale = p.gamma ? p.gamma[c] * invstd : invstd;
  p.invstd[c] = invstd;
  p.scale[c] = scale;
  p.shift[c] = fmaf(-mean, scale, p.beta ? p.beta[c] : 0.0f);
  if (p.running_mean) move_running(p.update, p.running_mean[c], p.running_variance[c], mean, variance);
}

extern "C" __global__ void __launch_bounds__(128) running_statistics(const RunningStatisticsParameters p) {
  const int64_t c = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (c >= p.channels) return;
  const RunningStatisticsParameters::Norm& norm = p.norms[blockIdx.y];
  move_running(p.update, norm.running_mean[c], norm.running_variance[c], norm.mean[c], norm.variance[c]);
}
