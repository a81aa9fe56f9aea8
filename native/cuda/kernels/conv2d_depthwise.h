// Depthwise convolution: one channel a group in and out.
#pragma once

#include "ops/conv2d.h"

namespace lapidary::cuda {

Implementation depthwise_fprop();
Implementation depthwise_dgrad();

}  // namespace lapidary::cuda
