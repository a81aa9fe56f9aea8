// Host side of the conv2d kernels: see cuda/kernels/.
#include "cuda/kernels/conv2d_grouped.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList conv2d_fprop() { return grouped_fprop(); }
ImplementationList conv2d_dgrad() { return grouped_dgrad(); }
ImplementationList conv2d_wgrad() { return grouped_wgrad(); }

}  // namespace lapidary::cuda
