// fprop and dgrad of a convolution as correlations (cuda/kernels/conv2d_grouped/correlation.h): what the host
// sides of their kernels share.
#pragma once

#include <algorithm>

#include "cuda/launch_context.h"
#include "kernels/conv2d_grouped/correlation.h"
#include "ops/conv2d.h"

namespace lapidary::cuda {

enum class Direction : uint8_t { Fprop, Dgrad };

/// Shared memory that every architecture gives a block without asking.
inline constexpr int64_t kSharedBytes = 48 << 10;
/// Blocks of a grid, in x.
inline constexpr int64_t kMostBlocks = (int64_t{1} << 31) - 1;

/// Whether a tile of inputs is worth loading for so many outputs: taps far apart leave it mostly gaps, and
/// then reading what they meet where it is costs less. The factor of 4 allows for the caches' misses there
/// and is a choice of ours.
constexpr bool tile_pays(int64_t inputs, int64_t outputs, int64_t taps) {
  return inputs <= 4 * outputs * std::max<int64_t>(taps, 1);
}

/// The axes alone; `transposed`: those of dgrad.
struct CorrelationAxes {
  CorrelationAxis rows, columns;
  CorrelationAxes(const Conv2dProblem& p, Direction direction);
};

/// What is where; of the epilogue what the problem has. `statistics`: of the blocks, in the workspace.
Correlation correlation_of(const Conv2dProblem& p, const Conv2dFprop<float>& args, float* statistics);
Correlation correlation_of(const Conv2dProblem& p, const Conv2dDgrad<float>& args);

/// The statistics' workspace for so many blocks.
inline size_t statistics_bytes(const Conv2dProblem& p, int64_t blocks) {
  return p.statistics ? static_cast<size_t>(blocks * 3 * p.k) * sizeof(float) : 0;
}
/// Merges the statistics of `blocks` blocks into those of y.
void merge_statistics(const Conv2dProblem& p, const Conv2dFprop<float>& args, const float* statistics,
                      int64_t blocks, LaunchContext& context);

/// Bytes of what a correlation moves besides its input and the filter: the output, what is fused into it, and
/// the statistics. `threads`: of all blocks, each of which loads scale and bias of `width` channels; likewise
/// the prologue's.
double fused_bytes(const Conv2dProblem& p, Direction direction, double threads_times_width, double blocks);

}  // namespace lapidary::cuda
