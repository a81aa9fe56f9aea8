// Sums for the host sides of other kernels.
#pragma once

#include "cuda/launch_context.h"

namespace lapidary::cuda {

/// y[0] = scale times the sum of x[count], in an order that `count` decides. `workspace` holds
/// vector_sum_workspace(count) bytes.
void launch_vector_sum(LaunchContext& context, const float* x, int64_t count, float scale, float* y,
                       void* workspace);
size_t vector_sum_workspace(int64_t count);
/// Bytes that it moves.
double vector_sum_traffic(int64_t count);

}  // namespace lapidary::cuda
