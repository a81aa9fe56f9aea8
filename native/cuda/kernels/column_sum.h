// Sums over the rows of a matrix, for the host side of kernels that leave partial sums.
#pragma once

#include "cuda/launch_context.h"

namespace lapidary::cuda {

/// Bytes of workspace of sum_columns.
size_t column_sum_workspace(int64_t rows, int64_t columns);
/// Bytes of device memory that it moves.
double column_sum_traffic(int64_t rows, int64_t columns);
/// y[columns] = the sums of x[rows, columns].
void sum_columns(const float* x, float* y, int64_t rows, int64_t columns, void* workspace,
                 LaunchContext& context);

}  // namespace lapidary::cuda
