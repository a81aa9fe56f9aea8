// Host side of the depthwise and grouped convolutions: see cuda/kernels/.
#include "cuda/kernels/conv2d_grouped.h"

#include "cuda/kernels/conv2d_depthwise.h"

namespace lapidary::cuda {

ImplementationList grouped_fprop() { return {depthwise_fprop()}; }
ImplementationList grouped_dgrad() { return {depthwise_dgrad()}; }
ImplementationList grouped_wgrad() { return {}; }

}  // namespace lapidary::cuda
