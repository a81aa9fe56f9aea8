// dfilter of the convolutions of several groups.
#pragma once

#include "ops/conv2d.h"

namespace lapidary::cuda {

Implementation depthwise_wgrad();       ///< of filters whose width and stride a kernel is made for
Implementation grouped_tile_wgrad();    ///< where a tile fits in shared memory
Implementation grouped_direct_wgrad();  ///< of any several groups

}  // namespace lapidary::cuda
