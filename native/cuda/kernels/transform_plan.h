// How transform_images takes a batch through a chain on the device: stages, where what lies between them, and
// the bytes that all that moves. A function of the problem only.
#pragma once

#include "cuda/launch_context.h"
#include "kernels/transforms/separable_filters.h"
#include "ops/transforms.h"

namespace lapidary::cuda {

/// A launch over pictures in memory: one step that needs neighbours, or a run of steps that do not.
struct TransformStage {
  enum class Kind { Resampling, Blur, Affine, Pixels };
  Kind kind;
  size_t first, last;  ///< steps first .. last - 1
};

struct TransformPlan {
  explicit TransformPlan(const TransformImagesProblem& problem);

  std::vector<data::Step> steps;
  std::vector<TransformStage> stages;
  /// Samples that go through the chain together: what lies between stages is to stay in the cache (L2) of a
  /// GPU.
  int64_t slice = 0;
  int64_t rows = 0;  ///< of weights, a slice

  /// Places in the workspace, in bytes, each a multiple of 256.
  size_t parameters = 0, indices = 0, means = 0, windows = 0, weights = 0, lines = 0, pictures[2] = {},
         bytes = 0;

  /// Device memory that is read and written, at most.
  double traffic = 0;

  ResamplingPlan resampling(const data::Step& step) const;
  /// Whether a block keeps a line of so many values, and the weights of so many taps, in shared memory.
  static bool fits_shared(int64_t line, int64_t taps) { return (line + taps) * 4 <= kSharedBytes; }
  /// Whether mean_luma must come before step `step` of a run of pixel steps.
  bool needs_mean(size_t step) const {
    return steps[step].kind == data::TransformKind::ColorJitter && (steps[step].a >> 1 & 1) != 0;
  }

 private:
  static constexpr int64_t kSharedBytes = 40960;
  /// Of what a slice's samples have between stages. A choice of ours: an A100 has 40 MB of L2, most GPUs
  /// less.
  static constexpr int64_t kBytesOfSlice = int64_t{32} << 20;

  double traffic_of(const TransformStage& stage, const TransformImagesProblem& p) const;
};

}  // namespace lapidary::cuda
